//! The report of a triage.

use super::{Answers, Class, ClassRule, Outcome, Rules};
use crate::number;
use crate::report::{
    self, Bars, Block, Cell, Chart, Column, Finding, Report, Row, Section, Table, Tile, Tone,
};
use crate::sheet::{Kind, Sheet};
use planb_model::Text;
use std::collections::BTreeMap;

pub fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    Report {
        method: String::new(),
        title: sheet.title.clone(),
        source: String::new(),
        verdict: verdict(outcome),
        tiles: tiles(rules, outcome),
        sections: vec![
            mix(rules, outcome),
            exit(outcome),
            actions(rules, outcome),
            inventory(sheet, rules, answers, outcome),
        ],
        notes: Vec::new(),
    }
}

fn verdict(outcome: &Outcome) -> report::Verdict {
    let count = |class| outcome.counts.get(&class).copied().unwrap_or(0);
    let grouped = |class| number::grouped(count(class) as u64);
    let open = count(Class::Undecided);
    let reason = Text::new(
        format!(
            "Containers: {}. KubeVirt: {}. VMs kept: {}. Undecided: {}.",
            grouped(Class::Modernise),
            grouped(Class::Kubevirt),
            grouped(Class::Keep),
            grouped(Class::Undecided)
        ),
        format!(
            "현대화 {}개, KubeVirt 흡수 {}개, VM 유지 {}개, 판단 보류 {}개입니다.",
            grouped(Class::Modernise),
            grouped(Class::Kubevirt),
            grouped(Class::Keep),
            grouped(Class::Undecided)
        ),
    );
    let (tone, headline) = if !outcome.exit_stated {
        let text = Text::new(
            "KubeVirt without a way out is no plan: state ratio and date",
            "출구 지표 없는 KubeVirt 이전은 계획이 아닙니다. 전환 비율과 기한을 명시하십시오",
        );
        (Tone::Bad, text)
    } else if open > 0 {
        let text = Text::new(
            "Some workloads cannot be decided: answers are missing",
            "판단에 필요한 답이 빠져 있습니다",
        );
        (Tone::Warn, text)
    } else {
        let text = Text::new(
            "Every workload has its place",
            "모든 워크로드의 방향이 정해졌습니다",
        );
        (Tone::Good, text)
    };
    report::Verdict {
        tone,
        headline,
        reason,
    }
}

fn tiles(rules: &Rules, outcome: &Outcome) -> Vec<Tile> {
    let total = outcome.workloads.len().max(1) as f64;
    let tile = |rule: &ClassRule| {
        let count = outcome.counts.get(&rule.id).copied().unwrap_or(0);
        let share = number::percent(count as f64 / total * 100.0);
        Tile {
            title: rule.label.clone(),
            value: Text::same(number::grouped(count as u64)),
            note: share,
            tone: if rule.id == Class::Undecided && count > 0 {
                Tone::Unknown
            } else {
                Tone::Plain
            },
        }
    };
    rules.classes.iter().map(tile).collect()
}

fn mix(rules: &Rules, outcome: &Outcome) -> Section {
    let row = |rule: &ClassRule| Row {
        label: rule.label.clone(),
        values: vec![outcome.counts.get(&rule.id).copied().unwrap_or(0) as f64],
    };
    let bars = Bars {
        title: Text::new("Workloads by class", "분류별 워크로드"),
        unit: Text::new("workloads", "워크로드 수"),
        series: vec![Text::new("Count", "수")],
        rows: rules.classes.iter().map(row).collect(),
    };
    let expected = rules.containerisable_expected;
    let finding = outcome.containerisable_percent.map(|share| {
        let said = number::percent(share);
        let usual = (expected.min..=expected.max).contains(&share);
        Finding {
            tone: if usual { Tone::Good } else { Tone::Warn },
            subject: Text::new("Share that becomes containers", "컨테이너 전환 비율"),
            reason: Text::new(
                format!(
                    "{} of the decided workloads; usual are {}–{} %",
                    said.en, expected.min, expected.max
                ),
                format!(
                    "판단이 끝난 워크로드의 {}. 통상 {}~{}%",
                    said.ko, expected.min, expected.max
                ),
            ),
            action: (!usual).then(|| {
                Text::new(
                    "look again at the answers that fired most often",
                    "가장 많이 걸린 조건의 답을 다시 확인하십시오",
                )
            }),
            source: Some("V 11".to_owned()),
        }
    });
    Section::new(
        Text::new("The mix", "구성비"),
        vec![
            Block::Chart(Chart::Bars(bars)),
            Block::Findings(finding.into_iter().collect()),
        ],
    )
}

/// The way out of KubeVirt.
fn exit(outcome: &Outcome) -> Section {
    let moved = outcome.counts.get(&Class::Kubevirt).copied().unwrap_or(0);
    let finding = match (moved, outcome.exit_ratio_percent, outcome.exit_by) {
        (0, ..) => Finding {
            tone: Tone::Good,
            subject: Text::new("Way out of KubeVirt", "출구 지표"),
            reason: Text::new(
                "nothing moves to KubeVirt",
                "KubeVirt로 옮기는 워크로드가 없습니다",
            ),
            action: None,
            source: None,
        },
        (_, Some(ratio), Some(by)) => {
            let converted = (moved as f64 * ratio / 100.0).ceil();
            let said = number::percent(ratio);
            Finding {
                tone: Tone::Good,
                subject: Text::new("Way out of KubeVirt", "출구 지표"),
                reason: Text::new(
                    format!(
                        "{} of {moved} become containers by {by}: {converted}",
                        said.en
                    ),
                    format!(
                        "{moved}개 중 {}인 {converted}개를 {by}까지 컨테이너로 전환",
                        said.ko
                    ),
                ),
                action: None,
                source: Some("V 12.2.1".to_owned()),
            }
        }
        _ => Finding {
            tone: Tone::Bad,
            subject: Text::new("Way out of KubeVirt", "출구 지표"),
            reason: Text::new(
                format!(
                    "{} on KubeVirt without a stated way out",
                    number::counted(moved, "workload", "workloads")
                ),
                format!("{moved}개 워크로드를 KubeVirt로 옮기지만 출구 지표가 없습니다"),
            ),
            action: Some(Text::new(
                "give `exitRatio` and `exitBy` in the answers file",
                "답변 파일에 `exitRatio`와 `exitBy`를 적으십시오",
            )),
            source: Some("V 12.2.1".to_owned()),
        },
    };
    Section::new(
        Text::new("Exit indicator", "출구 지표"),
        vec![Block::Findings(vec![finding])],
    )
}

fn actions(rules: &Rules, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("By class", "분류별 할 일"),
        vec![
            Column::text(Text::new("Class", "분류")),
            Column::text(Text::new("Condition", "조건")),
            Column::text(Text::new("What to do", "할 일")),
        ],
    );
    let present = |rule: &&ClassRule| outcome.counts.get(&rule.id).is_some_and(|c| *c > 0);
    for rule in rules.classes.iter().filter(present) {
        let join =
            |pick: fn(&Text) -> &str| rule.actions.iter().map(pick).collect::<Vec<_>>().join("; ");
        let said = Text::new(join(|t| &t.en), join(|t| &t.ko));
        table.rows.push(vec![
            rule.label.clone().into(),
            rule.condition.clone().into(),
            said.into(),
        ]);
    }
    Section::new(
        Text::new("The next twelve months", "앞으로 12개월"),
        vec![Block::Table(table)],
    )
}

fn inventory(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("Every workload", "워크로드별 결과"),
        vec![
            Column::text(Text::new("Workload", "워크로드")),
            Column::text(Text::new("Owner", "담당")),
            Column::text(Text::new("Class", "분류")),
            Column::text(Text::new("Runtime", "런타임")),
            Column::text(Text::new("Rule", "규칙")),
            Column::text(Text::new("Predicates that hold", "해당 조건")),
            Column::text(Text::new("Open questions", "답할 질문")),
        ],
    );
    table.main = true;
    let names = predicate_names(sheet);
    let labels: BTreeMap<Class, &Text> = rules.classes.iter().map(|c| (c.id, &c.label)).collect();
    for (verdict, workload) in outcome.workloads.iter().zip(&answers.workloads) {
        let tone = if verdict.class == Class::Undecided {
            Tone::Unknown
        } else {
            Tone::Plain
        };
        let class = labels
            .get(&verdict.class)
            .map_or(Text::same(""), |t| (*t).clone());
        let runtime = rules.runtimes.get(verdict.runtime).cloned();
        table.rows.push(vec![
            verdict.name.clone().into(),
            workload.owner.clone().into(),
            Cell::toned(class, tone),
            runtime.unwrap_or_else(|| Text::same("–")).into(),
            verdict.rule.into(),
            listed(&verdict.fired, &names).into(),
            listed(&verdict.needs, &names).into(),
        ]);
    }
    Section::new(
        Text::new("Inventory", "워크로드 목록"),
        vec![Block::Table(table)],
    )
    .lead(order())
}

fn order() -> Text {
    Text::new(
        "Rules in this order: (a) extreme latency or IOPS: keep; (b) isolation demanded: Kata or gVisor, else KubeVirt if the review accepts it, else keep; (c) tied to a kernel, driver or OS: KubeVirt; (d) else modernise.",
        "규칙의 순서: (a) 극한의 지연·IOPS는 VM 유지, (b) 격리 요구는 Kata·gVisor, 안 되면 심사가 인정할 때 KubeVirt, 아니면 VM 유지, (c) 커널·드라이버·OS 종속은 KubeVirt, (d) 나머지는 현대화.",
    )
}

/// The questions about one workload, by field.
fn predicate_names(sheet: &Sheet) -> BTreeMap<&str, &Text> {
    let fields = sheet.questions.iter().find_map(|q| match &q.kind {
        Kind::List(list) => Some(&list.fields),
        _ => None,
    });
    let fields = fields.into_iter().flatten();
    fields
        .map(|field| (field.id.as_str(), &field.ask))
        .collect()
}

fn listed(ids: &[String], names: &BTreeMap<&str, &Text>) -> Text {
    let join = |pick: fn(&Text) -> &str| {
        let one = |id: &String| {
            names
                .get(id.as_str())
                .map_or(id.clone(), |t| pick(t).to_owned())
        };
        ids.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    if ids.is_empty() {
        return Text::same("–");
    }
    Text::new(join(|t| &t.en), join(|t| &t.ko))
}
