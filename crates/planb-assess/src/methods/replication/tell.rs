//! The workbook.

use super::choose::{State, Warning};
use super::{Answers, Category, Choice, Fit, Outcome, Policy, Rules, Workload, plan};
use crate::number;
use crate::report::{self, Block, Cell, Column, Finding, Report, Section, Table, Tile, Tone};
use crate::sheet::Sheet;
use planb_model::Text;

pub fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    Report {
        method: String::new(),
        title: sheet.title.clone(),
        source: String::new(),
        verdict: verdict(outcome),
        tiles: tiles(outcome),
        sections: vec![
            choices(rules, answers, outcome),
            agreements(rules, answers, outcome),
            matrix(rules),
            categories(rules),
            policies(rules),
            blocks(answers, outcome),
        ],
        notes: Vec::new(),
    }
}

fn count(outcome: &Outcome, state: State) -> usize {
    outcome
        .workloads
        .iter()
        .filter(|c| c.state == state)
        .count()
}

fn open(outcome: &Outcome) -> usize {
    let is_open = |c: &&Choice| c.state != State::Chosen || c.policy_open || !c.warnings.is_empty();
    outcome.workloads.iter().filter(is_open).count()
}

fn verdict(outcome: &Outcome) -> report::Verdict {
    let total = outcome.workloads.len();
    let chosen = count(outcome, State::Chosen);
    let reason = Text::new(
        format!(
            "{chosen} of {total} workloads have a category; {} need an agreement.",
            open(outcome)
        ),
        format!(
            "워크로드 {total}개 중 {chosen}개의 방식이 정해졌고, {}개는 합의가 필요합니다.",
            open(outcome)
        ),
    );
    let (tone, headline) = if count(outcome, State::SlaContradiction) > 0 {
        (
            Tone::Bad,
            Text::new(
                "An SLA contradicts itself: agree it anew",
                "서로 모순되는 SLA가 있습니다. 다시 합의하십시오",
            ),
        )
    } else if open(outcome) > 0 {
        (
            Tone::Warn,
            Text::new(
                "Some workloads need an agreement",
                "합의가 필요한 워크로드가 있습니다",
            ),
        )
    } else {
        (
            Tone::Good,
            Text::new(
                "Every workload has its way to the other site",
                "모든 워크로드의 복제 방식이 정해졌습니다",
            ),
        )
    };
    report::Verdict {
        tone,
        headline,
        reason,
    }
}

fn tiles(outcome: &Outcome) -> Vec<Tile> {
    let tile = |title: Text, value: usize, note: Text, bad: bool| Tile {
        title,
        value: Text::same(value.to_string()),
        note,
        tone: if bad && value > 0 {
            Tone::Warn
        } else {
            Tone::Plain
        },
    };
    vec![
        tile(
            Text::new("Chosen", "방식 결정"),
            count(outcome, State::Chosen),
            Text::new("workloads", "워크로드"),
            false,
        ),
        tile(
            Text::new("Ties", "동점"),
            count(outcome, State::Tie),
            Text::new("skills decide", "운영 역량으로 결정"),
            true,
        ),
        tile(
            Text::new("No fit", "맞는 방식 없음"),
            count(outcome, State::NoFit),
            Text::new("type against SLA", "유형과 SLA가 어긋남"),
            true,
        ),
        tile(
            Text::new("Contradictions", "SLA 모순"),
            count(outcome, State::SlaContradiction),
            Text::new("both questions are yes", "두 질문이 모두 예"),
            true,
        ),
    ]
}

fn category<'r>(rules: &'r Rules, id: &str) -> Option<&'r Category> {
    rules.categories.iter().find(|c| c.id == id)
}

fn labels(rules: &Rules, ids: &[String]) -> Text {
    let all: Vec<&Text> = ids
        .iter()
        .filter_map(|id| category(rules, id))
        .map(|c| &c.label)
        .collect();
    if all.is_empty() {
        return Text::same("–");
    }
    let join = |pick: fn(&Text) -> &str| all.iter().map(|t| pick(t)).collect::<Vec<_>>().join(", ");
    Text::new(join(|t| &t.en), join(|t| &t.ko))
}

fn choices(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("Workloads", "워크로드"),
        vec![
            Column::text(Text::new("Workload", "워크로드")),
            Column::text(Text::new("Category", "방식")),
            Column::text(Text::new("Candidates", "후보")),
            Column::text(Text::new("Conflict policy", "충돌 정책")),
            Column::figures(Text::new("RPO", "RPO 목표")),
        ],
    );
    for (choice, workload) in outcome.workloads.iter().zip(&answers.workloads) {
        let state = match choice.state {
            State::Chosen => Cell::toned(
                labels(rules, std::slice::from_ref(&choice.category)),
                Tone::Good,
            ),
            State::Tie => Cell::toned(Text::new("tie", "동점"), Tone::Warn),
            State::NoFit => Cell::toned(Text::new("no fit", "맞는 방식 없음"), Tone::Bad),
            State::SlaContradiction => {
                Cell::toned(Text::new("contradiction", "SLA 모순"), Tone::Bad)
            }
        };
        table.rows.push(vec![
            choice.name.clone().into(),
            state,
            labels(rules, &choice.candidates).into(),
            policy_cell(rules, choice),
            workload
                .rpo
                .map_or(Text::same("–"), number::duration)
                .into(),
        ]);
    }
    Section::new(Text::new("Choices", "선택 결과"), vec![Block::Table(table)])
}

fn policy_cell(rules: &Rules, choice: &Choice) -> Cell {
    if choice.policy_open {
        return Cell::toned(Text::new("to be agreed", "합의 필요"), Tone::Warn);
    }
    if choice.state != State::Chosen {
        return "–".into();
    }
    let policy = rules.policies.iter().find(|p| p.id == choice.policy);
    policy
        .map_or_else(|| Text::new("not needed", "불필요"), |p| p.label.clone())
        .into()
}

fn agreements(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let mut findings = Vec::new();
    for (choice, workload) in outcome.workloads.iter().zip(&answers.workloads) {
        findings.extend(state_finding(choice));
        if choice.policy_open {
            findings.push(finding(
                choice,
                Tone::Warn,
                Text::new(
                    "both sites may write the same, and nobody has said what happens then",
                    "두 사이트가 같은 데이터를 쓸 수 있으나 충돌 정책이 없습니다",
                ),
                Text::new(
                    "name the data in `conflictData`",
                    "`conflictData`에 데이터 종류를 적으십시오",
                ),
                "DR 4.2.2",
            ));
        }
        findings.extend(
            choice
                .warnings
                .iter()
                .map(|w| warning(rules, answers, workload, choice, *w)),
        );
    }
    if findings.is_empty() {
        findings.push(Finding {
            tone: Tone::Good,
            subject: Text::new("Agreements", "합의 사항"),
            reason: Text::new("nothing is open", "남은 합의 사항이 없습니다"),
            action: None,
            source: None,
        });
    }
    Section::new(
        Text::new("What must be agreed", "합의할 사항"),
        vec![Block::Findings(findings)],
    )
}

fn finding(choice: &Choice, tone: Tone, reason: Text, action: Text, source: &str) -> Finding {
    Finding {
        tone,
        subject: Text::same(&choice.name),
        reason,
        action: Some(action),
        source: Some(source.to_owned()),
    }
}

fn state_finding(choice: &Choice) -> Option<Finding> {
    let (tone, reason, action, source) = match choice.state {
        State::Chosen => return None,
        State::Tie => (
            Tone::Warn,
            Text::new(
                "several categories suit it equally",
                "여러 방식이 똑같이 적합합니다",
            ),
            Text::new(
                "choose by what the team runs today (`skills`)",
                "팀이 현재 운영하는 기술(`skills`)로 고르십시오",
            ),
            "DR 4.2.1",
        ),
        State::NoFit => (
            Tone::Bad,
            Text::new(
                "what the SLA asks for does not suit this type of data",
                "SLA의 요구가 이 데이터 유형에 맞지 않습니다",
            ),
            Text::new(
                "agree the two questions of the SLA anew, or split the workload",
                "SLA의 두 질문을 다시 합의하거나 워크로드를 나누십시오",
            ),
            "DR 4.2.1",
        ),
        State::SlaContradiction => (
            Tone::Bad,
            Text::new(
                "readable at once at the other site, and writable alone when cut off: no system can do both",
                "다른 사이트에서 즉시 읽히면서 단절 중에도 단독으로 쓸 수는 없습니다",
            ),
            Text::new(
                "decide which of the two matters and agree the SLA anew",
                "둘 중 무엇이 중요한지 정하고 SLA를 다시 합의하십시오",
            ),
            "DR 4.1.1",
        ),
    };
    Some(finding(choice, tone, reason, action, source))
}

fn warning(
    rules: &Rules,
    answers: &Answers,
    workload: &Workload,
    choice: &Choice,
    warning: Warning,
) -> Finding {
    let worst = category(rules, &choice.category).map_or(0.0, |c| c.rpo_seconds_worst);
    match warning {
        Warning::NoThirdSite => finding(
            choice,
            Tone::Bad,
            Text::new(
                "needs a majority, and two sites have none when they are cut apart",
                "정족수가 필요하지만 두 사이트만으로는 단절 때 정족수를 이룰 수 없습니다",
            ),
            Text::new(
                "put an arbiter into a third site",
                "제3의 사이트에 중재자를 두십시오",
            ),
            "DR 4.1.1",
        ),
        Warning::TooSlow => {
            let trip = number::plain(answers.round_trip_ms);
            let most = number::plain(workload.added_write_ms.unwrap_or(0.0));
            finding(
                choice,
                Tone::Bad,
                Text::new(
                    format!(
                        "every write waits {trip} ms for the other site, and {most} ms are tolerable"
                    ),
                    format!("쓰기마다 다른 사이트를 {trip}ms 기다리지만 허용치는 {most}ms입니다"),
                ),
                Text::new(
                    "use nearer sites, or tolerate more",
                    "더 가까운 사이트를 쓰거나 허용치를 늘리십시오",
                ),
                "DR 4",
            )
        }
        Warning::RpoNotKept => {
            let (rpo, worst) = (
                number::duration(workload.rpo.unwrap_or(0.0)),
                number::duration(worst),
            );
            finding(
                choice,
                Tone::Warn,
                Text::new(
                    format!(
                        "the lag can reach {}, and the objective is {}",
                        worst.en, rpo.en
                    ),
                    format!(
                        "복제 지연이 {}까지 갈 수 있으나 목표는 {}입니다",
                        worst.ko, rpo.ko
                    ),
                ),
                Text::new(
                    "measure the lag and watch it, or choose a stronger category",
                    "지연을 측정해 감시하거나 더 강한 방식을 고르십시오",
                ),
                "DR 4",
            )
        }
    }
}

fn matrix(rules: &Rules) -> Section {
    let mut columns = vec![Column::text(Text::new("Type", "유형"))];
    columns.extend(
        rules
            .categories
            .iter()
            .map(|c| Column::text(c.label.clone())),
    );
    let mut table = Table::new(
        Text::new("Type of workload and category", "워크로드 유형과 방식"),
        columns,
    );
    for (kind, label) in TYPES {
        let mut row = vec![Cell::from(label())];
        let places = rules.matrix.get(kind);
        for category in &rules.categories {
            let place = places.and_then(|p| p.get(&category.id));
            row.push(place.map_or_else(|| Cell::from("–"), |p| place_cell(p.fit, p.why.as_ref())));
        }
        table.rows.push(row);
    }
    Section::new(
        Text::new("The matrix", "권장 매트릭스"),
        vec![Block::Table(table)],
    )
}

/// A row of a table with one column per `T`: its name, and what it shows of each.
type RowOf<T> = (Text, fn(&T) -> &Text);

/// A type of workload and its name.
type Named = (&'static str, fn() -> Text);

/// Types of workload and their names.
const TYPES: [Named; 4] = [
    ("transaction", || Text::new("Transaction", "트랜잭션")),
    ("session", || Text::new("Session", "세션")),
    ("log", || Text::new("Log, event", "로그·이벤트")),
    ("analytics", || Text::new("Analytics", "분석")),
];

fn place_cell(fit: Fit, why: Option<&Text>) -> Cell {
    let (text, tone) = match fit {
        Fit::Yes => (Text::new("recommended", "권장"), Tone::Good),
        Fit::New => (Text::new("recommended if new", "신규면 권장"), Tone::Good),
        Fit::Possible => (Text::new("possible", "가능"), Tone::Plain),
        Fit::No => (Text::new("no", "비권장"), Tone::Bad),
    };
    let text = match why {
        Some(why) => Text::new(
            format!("{} ({})", text.en, why.en),
            format!("{}({})", text.ko, why.ko),
        ),
        None => text,
    };
    Cell::toned(text, tone)
}

fn categories(rules: &Rules) -> Section {
    let mut columns = vec![Column::text(Text::new("Property", "속성"))];
    columns.extend(
        rules
            .categories
            .iter()
            .map(|c| Column::text(c.label.clone())),
    );
    let mut table = Table::new(Text::new("The four categories", "네 가지 방식"), columns);
    let rows: [RowOf<Category>; 7] = [
        (Text::new("Products", "제품"), |c| &c.products),
        (Text::new("Consistency", "일관성"), |c| &c.consistency),
        (Text::new("RPO", "RPO 수준"), |c| &c.rpo),
        (Text::new("Write latency", "쓰기 지연"), |c| &c.latency),
        (Text::new("When cut off", "사이트 단절 시"), |c| {
            &c.cut_off
        }),
        (Text::new("Conflicts", "충돌"), |c| &c.conflicts),
        (Text::new("Difficulty", "난이도"), |c| &c.difficulty),
    ];
    for (name, pick) in rows {
        let mut row = vec![Cell::from(name)];
        row.extend(rules.categories.iter().map(|c| Cell::from(pick(c).clone())));
        table.rows.push(row);
    }
    Section::new(
        Text::new("What each category brings", "방식별 특성"),
        vec![Block::Table(table)],
    )
}

fn policies(rules: &Rules) -> Section {
    let mut columns = vec![Column::text(Text::new("Property", "속성"))];
    columns.extend(rules.policies.iter().map(|p| Column::text(p.label.clone())));
    let mut table = Table::new(Text::new("What happens to conflicts", "충돌 정책"), columns);
    let rows: [RowOf<Policy>; 3] = [
        (Text::new("Automation", "자동화"), |p| &p.automation),
        (Text::new("Fits the business", "업무 적합성"), |p| {
            &p.fit
        }),
        (Text::new("Forms", "형태"), |p| &p.form),
    ];
    for (name, pick) in rows {
        let mut row = vec![Cell::from(name)];
        row.extend(rules.policies.iter().map(|p| Cell::from(pick(p).clone())));
        table.rows.push(row);
    }
    Section::new(
        Text::new("Conflicts", "충돌 처리"),
        vec![Block::Table(table)],
    )
}

fn blocks(answers: &Answers, outcome: &Outcome) -> Section {
    let mut out = Vec::new();
    for (choice, workload) in outcome.workloads.iter().zip(&answers.workloads) {
        let Some(rpo) = workload.rpo.filter(|_| choice.state == State::Chosen) else {
            continue;
        };
        out.push(Block::Code(plan::data_block(
            &choice.name,
            rpo,
            &answers.vault,
        )));
    }
    Section::new(Text::new("For planb.yaml", "planb.yaml에 넣을 내용"), out).lead(Text::new(
        "PlanB ships the log to the vault. That keeps an objective above zero; an objective of zero is kept by the database's own replication, and the vault is the second line.",
        "PlanB는 로그를 볼트로 보냅니다. 이 방식은 0보다 큰 목표를 지킵니다. RPO 0은 데이터베이스 자체 복제가 지키고, 볼트는 두 번째 방어선입니다.",
    ))
}
