//! How agenda, patterns and room are told.

use super::{AgendaRule, Answers, Conflicts, Level, Outcome, Pattern, PatternRule, Route, Rules};
use crate::number;
use crate::report::{Block, Cell, Column, Finding, Report, Section, Table, Tile, Tone, Verdict};
use planb_model::Text;

pub(super) fn report(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    Report {
        method: String::new(),
        title: Text::same(""),
        source: String::new(),
        verdict: verdict(rules, outcome),
        tiles: tiles(rules, outcome),
        sections: vec![
            agenda(rules, answers),
            variables(outcome),
            routes(rules, outcome),
            patterns(rules),
        ],
        notes: Vec::new(),
    }
}

fn verdict(rules: &Rules, outcome: &Outcome) -> Verdict {
    let most_important = rules.agenda.iter().find(|rule| rule.most_important);
    if let Some(rule) = most_important
        && outcome.open.contains(&rule.id)
    {
        return Verdict {
            tone: Tone::Bad,
            headline: Text::new("Nothing is kept out yet", "아직 아무것도 차단되지 않습니다"),
            reason: Text::new(
                "Admission on both clusters is not decided. Without it the other items are form only: an unsigned image would still start.",
                "두 클러스터의 입수 시점 검증이 의결되지 않았습니다. 이것 없이는 나머지가 형식에 그치고, 서명 없는 이미지가 그대로 기동됩니다.",
            ),
        };
    }
    let open = outcome.open.len() + outcome.open_variables.len();
    if open == 0 && !outcome.groups.iter().any(|g| g.conflict_open) {
        return Verdict {
            tone: Tone::Good,
            headline: Text::new("Everything is decided", "모두 의결되었습니다"),
            reason: Text::new(
                "All seven items and all four variables have a decision.",
                "일곱 안건과 네 변수가 모두 정해졌습니다.",
            ),
        };
    }
    Verdict {
        tone: Tone::Warn,
        headline: Text::new(
            format!(
                "Still open: {}",
                number::counted(open, "decision", "decisions")
            ),
            format!("결정할 것이 {open}건 남았습니다"),
        ),
        reason: Text::new(
            "The table below is the board's agenda.",
            "아래 표를 보드 안건으로 올리십시오.",
        ),
    }
}

fn tiles(rules: &Rules, outcome: &Outcome) -> Vec<Tile> {
    let decided = rules.agenda.len() - outcome.open.len();
    let mut tiles = vec![Tile {
        title: Text::new("Agenda decided", "의결된 안건"),
        value: Text::same(format!("{decided} / {}", rules.agenda.len())),
        note: Text::new("of the board's agenda", "거버넌스 보드 안건 중"),
        tone: if outcome.open.is_empty() {
            Tone::Good
        } else {
            Tone::Warn
        },
    }];
    if let Some(mib) = outcome.gateway_mib {
        tiles.push(Tile {
            title: Text::new("Room of the gateway", "게이트웨이 용량"),
            value: Text::same(format!("{} GiB", number::plain(mib / 1024.0))),
            note: Text::new(
                "outage × new images × mean size",
                "단절 시간 × 신규 이미지 × 평균 크기",
            ),
            tone: Tone::Plain,
        });
    }
    tiles
}

fn agenda(rules: &Rules, answers: &Answers) -> Section {
    let mut table = Table::new(
        Text::new("The board's agenda", "거버넌스 보드 안건"),
        vec![
            Column::text(Text::new("Area", "영역")),
            Column::text(Text::new("To be decided", "의결할 내용")),
            Column::text(Text::new("Decision", "의결")),
        ],
    );
    let row = |rule: &AgendaRule| -> Vec<Cell> {
        let decided = answers.agenda.iter().find(|d| d.item == rule.id);
        let decision = match decided {
            Some(decided) => Cell::toned(Text::same(decided.decision.clone()), Tone::Good),
            None if rule.most_important => Cell::toned(
                Text::new("open; the most important one", "미결. 가장 중요한 안건"),
                Tone::Bad,
            ),
            None => Cell::toned(Text::new("open", "미결"), Tone::Warn),
        };
        vec![rule.area.clone().into(), rule.line.clone().into(), decision]
    };
    table.rows = rules.agenda.iter().map(row).collect();
    Section::new(Text::new("Agenda", "안건"), vec![Block::Table(table)])
}

fn variables(outcome: &Outcome) -> Section {
    let advice = |id: &str| match id {
        "period" => (
            Text::new("Period", "주기"),
            Text::new(
                "at each push is usual; a period is the image RPO",
                "등록 즉시가 일반적. 주기를 두면 그 시간이 이미지 RPO가 됨",
            ),
        ),
        "trigger" => (
            Text::new("Trigger", "트리거"),
            Text::new(
                "a push only: deletions do not travel",
                "등록(push)만 권장. 삭제는 전파하지 않음",
            ),
        ),
        "scope" => (
            Text::new("Scope filter", "범위 필터"),
            Text::new(
                "names, version tags, labels, signed images only",
                "이름, 버전 태그, 레이블, 서명된 이미지만",
            ),
        ),
        _ => (
            Text::new("Conflict and retry", "충돌·재시도"),
            Text::new(
                "block concurrent updates of a tag",
                "같은 태그의 동시 변경 차단 권장",
            ),
        ),
    };
    let finding = |id: &&str| {
        let (subject, advice) = advice(id);
        Finding {
            tone: Tone::Warn,
            subject,
            reason: Text::new("no value", "값이 정해지지 않음"),
            action: Some(advice),
            source: Some("DR 3.2.2".to_owned()),
        }
    };
    let findings: Vec<Finding> = outcome.open_variables.iter().map(finding).collect();
    let block = if findings.is_empty() {
        Block::Paragraph(Text::new(
            "All four have a value.",
            "네 변수가 모두 정해졌습니다.",
        ))
    } else {
        Block::Findings(findings)
    };
    Section::new(Text::new("Four variables", "복제 4변수"), vec![block])
}

fn routes(rules: &Rules, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("Pattern per group", "그룹별 복제 패턴"),
        vec![
            Column::text(Text::new("Group", "그룹")),
            Column::text(Text::new("Pattern", "패턴")),
            Column::text(Text::new("Mind", "유의할 점")),
        ],
    );
    table.main = true;
    let row = |route: &Route| -> Vec<Cell> {
        let tone = if route.conflict_open {
            Tone::Bad
        } else {
            Tone::Plain
        };
        vec![
            route.name.as_str().into(),
            pattern(rules, route).into(),
            Cell::toned(mind(route), tone),
        ]
    };
    table.rows = outcome.groups.iter().map(row).collect();
    Section::new(
        Text::new("Patterns", "복제 패턴"),
        vec![Block::Table(table)],
    )
}

fn pattern(rules: &Rules, route: &Route) -> Text {
    let of = |id| rules.patterns.iter().find(|p| p.id == id);
    let label = |id| of(id).map_or_else(|| Text::same("–"), |p| p.label.clone());
    let base = label(route.pattern);
    let mut text = if route.through_gateway {
        match route.pattern {
            Pattern::TwoWay => Text::new(
                format!("{} through the DMZ gateway", base.en),
                format!("{}(DMZ 게이트웨이 경유)", base.ko),
            ),
            _ => Text::new(
                "push to the DMZ gateway, pull from it",
                "DMZ 게이트웨이로 Push, 게이트웨이에서 Pull",
            ),
        }
    } else {
        base
    };
    if route.with_cache {
        let cache = label(Pattern::Cache);
        text = Text::new(
            format!("{} + {}", text.en, cache.en),
            format!("{} + {}", text.ko, cache.ko),
        );
    }
    text
}

fn mind(route: &Route) -> Text {
    if route.conflict_open {
        return Text::new(
            "both sites may give one tag to two images, and no policy is decided",
            "두 사이트가 같은 태그에 다른 이미지를 올릴 수 있는데 정책이 없습니다",
        );
    }
    if route.with_cache {
        return Text::new(
            "the cache fails when the truth is down: pull the core images every period as well",
            "기준 사이트가 멈추면 캐시는 실패합니다. 핵심 이미지는 주기적으로 Pull 하세요",
        );
    }
    match route.pattern {
        Pattern::Pull => Text::new(
            "the period is the image RPO; the signature is checked on pull",
            "조회 주기가 이미지 RPO입니다. Pull 할 때 서명을 검증하세요",
        ),
        Pattern::Push => Text::new(
            "the direction cannot be turned round in an emergency without a decision",
            "비상시 방향을 바꾸려면 의결이 필요합니다",
        ),
        Pattern::TwoWay => Text::new(
            "long line outages are dear to resynchronise",
            "회선 단절이 길면 재동기 비용이 큽니다",
        ),
        Pattern::Cache => Text::new("never alone", "단독 사용 금지"),
    }
}

fn patterns(rules: &Rules) -> Section {
    let mut table = Table::new(
        Text::new("The four patterns", "4 패턴 비교"),
        vec![
            Column::text(Text::new("Pattern", "패턴")),
            Column::text(Text::new("Truth", "기준 명확성")),
            Column::text(Text::new("Line use", "회선 사용")),
            Column::text(Text::new("Conflicts", "충돌")),
            Column::text(Text::new("Fits", "적합")),
            Column::text(Text::new("Burden", "운영 부담")),
        ],
    );
    let row = |rule: &PatternRule| -> Vec<Cell> {
        let conflict = match rule.conflict {
            Conflicts::None => Text::new("none", "없음"),
            Conflicts::Policy => Text::new("policy needed", "정책 필요"),
        };
        let burden = match rule.burden {
            Level::Low => Text::new("low", "낮음"),
            Level::Medium => Text::new("medium", "중간"),
            Level::High => Text::new("high", "높음"),
        };
        vec![
            rule.label.clone().into(),
            rule.truth.clone().into(),
            rule.line.clone().into(),
            conflict.into(),
            rule.fits.clone().into(),
            burden.into(),
        ]
    };
    table.rows = rules.patterns.iter().map(row).collect();
    Section::new(
        Text::new("What the patterns cost", "패턴별 특성"),
        vec![Block::Table(table)],
    )
}
