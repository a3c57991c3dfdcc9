//! The one page for the board. What is here is kept to what fits a sheet of A4,
//! with the longest agenda too.

use super::{Answers, BoardNumber, Decision, Gap, Judged, Outcome, Rules, State};
use crate::number;
use crate::report::{Block, Cell, Column, Finding, Report, Section, Table, Tone, Verdict};
use crate::sheet::{Choice, Kind, Sheet};
use planb_model::Text;

pub(super) fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    Report {
        method: String::new(),
        title: Text::same(""),
        source: String::new(),
        verdict: verdict(rules, answers, outcome),
        // The matrix says it all, and the page has to hold.
        tiles: Vec::new(),
        sections: vec![
            matrix(sheet, rules, answers, outcome),
            agenda(rules, answers, outcome),
            numbers(rules),
        ],
        notes: Vec::new(),
    }
}

fn label<'r>(rules: &'r Rules, id: &str) -> Option<&'r Text> {
    rules.areas.iter().find(|a| a.id == id).map(|a| &a.label)
}

/// Names of areas, with commas.
fn named(rules: &Rules, ids: &[String]) -> Text {
    let join = |pick: fn(&Text) -> &str| {
        let one = |id: &String| label(rules, id).map_or_else(|| id.clone(), |t| pick(t).to_owned());
        ids.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    Text::new(join(|t| &t.en), join(|t| &t.ko))
}

fn count(outcome: &Outcome, state: State) -> usize {
    outcome.areas.iter().filter(|a| a.state == state).count()
}

fn verdict(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Verdict {
    let total = outcome.areas.len();
    let early = count(outcome, State::Early);
    let decided = count(outcome, State::Decided);
    let next = named(rules, &outcome.agenda);
    let who = answers.institution.as_deref().map(str::trim);
    let who = who
        .filter(|w| !w.is_empty())
        .map_or(String::new(), |w| format!("{w}: "));
    let (tone, headline) = if early > 0 {
        (
            Tone::Bad,
            Text::new(
                format!("Decided before what they rest on: {early}"),
                format!("선행 결정보다 먼저 내린 결정이 {early}건 있습니다"),
            ),
        )
    } else if decided == total {
        (
            Tone::Good,
            Text::new("All areas are decided", "모든 영역이 결정되었습니다"),
        )
    } else {
        (
            Tone::Warn,
            Text::new(
                format!("{decided} of {total} areas are decided"),
                format!("{total}개 영역 중 {decided}개가 결정되었습니다"),
            ),
        )
    };
    let reason = if outcome.agenda.is_empty() {
        Text::new(
            format!("{who}nothing is open that could be decided now."),
            format!("{who}지금 바로 결정할 수 있는 미결정 영역은 없습니다."),
        )
    } else {
        Text::new(
            format!("{who}to be decided next: {}.", next.en),
            format!("{who}다음에 결정할 영역은 {}입니다.", next.ko),
        )
    };
    Verdict {
        tone,
        headline,
        reason,
    }
}

/// The last verification against its pass line.
fn trial(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Finding {
    let line = &rules.pass_line;
    let minutes = number::duration(line.rto_seconds_below);
    let (rto, saved) = (answers.trial.rto, answers.trial.resources_saved);
    let rto = rto.map_or_else(|| Text::same("–"), number::duration);
    let saved = saved.map_or_else(|| Text::same("–"), number::percent);
    let policy = match answers.trial.policy_passed {
        Some(true) => Text::new("passed", "통과"),
        Some(false) => Text::new("failed", "미통과"),
        None => Text::same("–"),
    };
    let min = line.resources_saved_min;
    Finding {
        tone: match outcome.passed {
            Some(true) => Tone::Good,
            Some(false) => Tone::Bad,
            None => Tone::Unknown,
        },
        subject: Text::new("Last verification", "최근 검증"),
        reason: Text::new(
            format!(
                "RTO {} (below {}), resources saved {} (at least {min} %), policy check {}",
                rto.en, minutes.en, saved.en, policy.en
            ),
            format!(
                "RTO {}(합격선 {} 미만), 자원 절감 {}({min}% 이상), 정책 점검 {}",
                rto.ko, minutes.ko, saved.ko, policy.ko
            ),
        ),
        action: None,
        source: None,
    }
}

/// The options of an area.
fn options<'s>(sheet: &'s Sheet, id: &str) -> &'s [Choice] {
    let question = sheet.questions.iter().find(|q| q.id == id);
    let fields = question.and_then(|q| match &q.kind {
        Kind::Group(fields) => fields.first(),
        _ => None,
    });
    match fields.map(|f| &f.kind) {
        Some(Kind::Choice(choices)) => choices,
        _ => &[],
    }
}

fn option(choices: &[Choice], id: &str) -> Text {
    let choice = choices.iter().find(|c| c.id == id);
    choice.map_or_else(|| Text::same(id), |c| c.label.clone())
}

fn joined(texts: &[Text], between: &str) -> Text {
    let join = |pick: fn(&Text) -> &str| texts.iter().map(pick).collect::<Vec<_>>().join(between);
    Text::new(join(|t| &t.en), join(|t| &t.ko))
}

fn matrix(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("The five areas, in their order", "5개 영역과 결정 순서"),
        vec![
            Column::figures(Text::new("Step", "순서")),
            Column::text(Text::new("Area", "영역")),
            Column::text(Text::new("Options", "선택지")),
            Column::text(Text::new("Recommended", "권장")),
            Column::text(Text::new("Decided", "결정")),
            Column::text(Text::new("State", "상태")),
        ],
    );
    table.main = true;
    let nothing = Decision::default();
    for judged in &outcome.areas {
        let choices = options(sheet, &judged.id);
        let labels: Vec<Text> = choices.iter().map(|c| c.label.clone()).collect();
        let area = rules.areas.iter().find(|a| a.id == judged.id);
        let recommended: Vec<Text> = judged
            .recommended
            .iter()
            .map(|r| option(choices, r))
            .collect();
        let recommended = area
            .and_then(|a| a.say.clone())
            .unwrap_or_else(|| joined(&recommended, " / "));
        let decision = answers.areas.get(&judged.id).unwrap_or(&nothing);
        table.rows.push(vec![
            judged.step.to_string().into(),
            label(rules, &judged.id)
                .cloned()
                .unwrap_or_else(|| Text::same(&judged.id))
                .into(),
            joined(&labels, " / ").into(),
            recommended.into(),
            decided(choices, decision).into(),
            state(judged),
        ]);
    }
    Section::new(
        Text::new("Decisions", "결정 현황"),
        vec![Block::Table(table)],
    )
}

fn decided(choices: &[Choice], decision: &Decision) -> Text {
    let Some(chosen) = &decision.chosen else {
        return Text::same("–");
    };
    let chosen = option(choices, chosen);
    let mut more: Vec<String> = Vec::new();
    more.extend(decision.on.map(|d| d.to_string()));
    more.extend(decision.by.clone().filter(|b| !b.trim().is_empty()));
    if more.is_empty() {
        return chosen;
    }
    let more = more.join(", ");
    Text::new(
        format!("{} ({more})", chosen.en),
        format!("{}({more})", chosen.ko),
    )
}

fn state(judged: &Judged) -> Cell {
    let (text, tone) = match judged.state {
        State::Decided if judged.gaps.is_empty() => (Text::new("decided", "결정"), Tone::Good),
        State::Decided => (
            Text::new("decided, with gaps", "결정, 기록 부족"),
            Tone::Warn,
        ),
        State::Early => (Text::new("too early", "순서 위반"), Tone::Bad),
        State::Open => (Text::new("open: next", "미결정: 다음 안건"), Tone::Warn),
        State::Waiting => (Text::new("open: waits", "미결정: 대기"), Tone::Unknown),
    };
    Cell::toned(text, tone)
}

/// One line for each area that needs one, and one for the verification: six at
/// most, to keep to the page.
fn agenda(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let points = outcome.areas.iter();
    let mut findings: Vec<Finding> = points.filter_map(|judged| point(rules, judged)).collect();
    findings.push(trial(rules, answers, outcome));
    Section::new(
        Text::new("Agenda of the next meeting", "다음 회의 안건"),
        vec![Block::Findings(findings)],
    )
}

fn point(rules: &Rules, judged: &Judged) -> Option<Finding> {
    let waits = named(rules, &judged.waits_for);
    let order = match judged.state {
        State::Decided => None,
        State::Early => Some((
            Tone::Bad,
            Text::new(
                format!("decided before {}, to be confirmed after it", waits.en),
                format!("선행 결정({}) 전에 결정됨, 결정 후 재확인", waits.ko),
            ),
        )),
        State::Open => Some((
            Tone::Warn,
            Text::new("can be decided now", "지금 결정할 수 있음"),
        )),
        State::Waiting => Some((
            Tone::Unknown,
            Text::new(
                format!("waits for {}", waits.en),
                format!("선행 결정 대기: {}", waits.ko),
            ),
        )),
    };
    let gaps = lacking(judged);
    let (tone, reason) = match (order, gaps) {
        (None, None) => return None,
        (Some((tone, order)), None) => (tone, order),
        (None, Some(gaps)) => (Tone::Warn, gaps),
        (Some((tone, order)), Some(gaps)) => (tone, joined(&[order, gaps], "; ")),
    };
    Some(Finding {
        tone,
        subject: label(rules, &judged.id)
            .cloned()
            .unwrap_or_else(|| Text::same(&judged.id)),
        reason,
        action: None,
        source: None,
    })
}

fn lacking(judged: &Judged) -> Option<Text> {
    let name = |gap: &Gap| match gap {
        Gap::Reason => Text::new("reason", "근거"),
        Gap::Day => Text::new("day", "결정일"),
        Gap::Decider => Text::new("decider", "결정 주체"),
    };
    let names: Vec<Text> = judged.gaps.iter().map(name).collect();
    let names = joined(&names, ", ");
    (!judged.gaps.is_empty()).then(|| {
        Text::new(
            format!("no {} on record", names.en),
            format!("기록 없음: {}", names.ko),
        )
    })
}

fn numbers(rules: &Rules) -> Section {
    let mut columns = vec![Column::text(Text::new("Model", "모델"))];
    columns.extend(rules.numbers.iter().map(|n| Column::text(n.name.clone())));
    let mut table = Table::new(Text::new("Four numbers", "정량 4지표"), columns);
    let row = |title: Text, pick: fn(&BoardNumber) -> &Text| {
        let mut row: Vec<Cell> = vec![title.into()];
        row.extend(rules.numbers.iter().map(|n| pick(n).clone().into()));
        row
    };
    table.rows = vec![
        row(Text::new("Virtualised", "가상화 기준"), |n| &n.before),
        row(Text::new("Cloud native", "클라우드 네이티브"), |n| &n.after),
    ];
    let qualities = joined(&rules.qualities, ", ");
    Section::new(
        Text::new("What it is for", "기대 효과"),
        vec![Block::Table(table)],
    )
    .lead(Text::new(
        format!(
            "The numbers compare models and are no measurements of this institution (DR 10.1.1). Four qualities: {}.",
            qualities.en
        ),
        format!(
            "네 지표는 모델 간 비교이며 이 기관의 실측치가 아닙니다(DR 10.1.1). 정성 네 측면: {}.",
            qualities.ko
        ),
    ))
}
