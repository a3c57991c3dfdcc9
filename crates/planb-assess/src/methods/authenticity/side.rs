//! What stands beside the three criteria: operating systems, acceptance, scope,
//! metrics of containerisation, points of the public sector. None of it changes
//! the verdict; all of it is told.

use super::{Answers, Metrics, Outcome, Rules};
use crate::number;
use crate::report::{Finding, Tone};
use planb_model::Text;

fn finding(tone: Tone, subject: Text, reason: Text, action: Option<Text>, source: &str) -> Finding {
    Finding {
        tone,
        subject,
        reason,
        action,
        source: Some(source.to_owned()),
    }
}

/// A yes, a no, or no answer.
fn answered(answer: Option<bool>) -> (Tone, Text) {
    match answer {
        Some(true) => (Tone::Good, Text::new("yes", "예")),
        Some(false) => (Tone::Bad, Text::new("no", "아니요")),
        None => (Tone::Unknown, Text::new("not answered", "답 없음")),
    }
}

/// The other two rows of the document's table.
pub(super) fn table_rows(answers: &Answers) -> Vec<Finding> {
    let (tone, reason) = match (answers.os_before, answers.os_after) {
        (Some(before), Some(after)) => {
            let (b, a) = (number::plain(before), number::plain(after));
            let tone = if after < before {
                Tone::Good
            } else {
                Tone::Bad
            };
            (
                tone,
                Text::new(
                    format!("{b} before, {a} after"),
                    format!("전 {b}개, 후 {a}개"),
                ),
            )
        }
        _ => (Tone::Unknown, Text::new("not answered", "답 없음")),
    };
    let grows = (tone == Tone::Bad).then(|| {
        Text::new(
            "ask why the number of operating systems does not fall",
            "운영체제 수가 줄지 않는 이유를 확인하십시오",
        )
    });
    let os = finding(
        tone,
        Text::new("Number of operating systems", "운영체제 수"),
        reason,
        grows,
        "W 6.2",
    );
    let (tone, reason) = answered(answers.verifiable);
    let demand = (tone != Tone::Good).then(|| {
        Text::new(
            "write an induced failure into the acceptance plan",
            "검수 계획서에 고의 장애 유발 절차를 넣으십시오",
        )
    });
    let verifiable = finding(
        tone,
        Text::new("Verifiable at acceptance", "검수 가능성"),
        reason,
        demand,
        "W 6.2",
    );
    vec![os, verifiable]
}

/// Containerise first, never both in one order with one acceptance, and say
/// which layers are in.
pub(super) fn scope(answers: &Answers) -> Vec<Finding> {
    let scope = &answers.scope;
    let has = |layer: &str| scope.layers.iter().any(|l| l == layer);
    let subject = || Text::new("Containerise before MSA", "컨테이너화 후 MSA");
    let mut out = Vec::new();
    if has("infrastructure") && has("application") && scope.one_acceptance != Some(false) {
        out.push(finding(
            Tone::Bad,
            subject(),
            Text::new(
                "containerisation and MSA in one order, and not with acceptances of their own",
                "컨테이너화와 MSA를 한 발주에 담고 검수를 나누지 않았습니다",
            ),
            Some(Text::new(
                "order and accept them apart, containerisation first",
                "컨테이너화를 먼저 하고 따로 발주·검수하십시오",
            )),
            "W 7.2",
        ));
    } else if has("application") && !has("infrastructure") && scope.already_containers != Some(true)
    {
        out.push(finding(
            Tone::Bad,
            subject(),
            Text::new(
                "MSA is ordered and the application does not run in containers yet",
                "컨테이너로 운영하지 않는 애플리케이션에 MSA를 먼저 발주합니다",
            ),
            Some(Text::new(
                "containerise first",
                "컨테이너화를 먼저 하십시오",
            )),
            "W 7.1",
        ));
    } else {
        let text = Text::new("the order is kept", "순서를 지켰습니다");
        out.push(finding(Tone::Good, subject(), text, None, "W 7.1"));
    }
    let said = !scope.layers.is_empty() && scope.out_stated == Some(true);
    let (tone, text) = if said {
        (Tone::Good, Text::new("stated", "명시함"))
    } else {
        (Tone::Warn, Text::new("not stated", "명시하지 않음"))
    };
    out.push(finding(
        tone,
        Text::new("Layers that are in and out", "범위 안과 밖의 층위"),
        text,
        None,
        "W 7.1",
    ));
    let after = scope.after.trim();
    let (tone, text) = if after.is_empty() {
        (Tone::Warn, Text::new("not stated", "명시하지 않음"))
    } else {
        (Tone::Good, Text::same(after))
    };
    let subject = Text::new("Direction after this order", "이후의 방향");
    out.push(finding(tone, subject, text, None, "W 7.1"));
    out
}

/// What no figure was given for.
fn open() -> (Tone, Text) {
    (Tone::Unknown, Text::new("not measured", "측정하지 않음"))
}

/// How many more workloads the same resources carry.
fn density(metrics: &Metrics) -> (Tone, Text) {
    match (metrics.workloads_before, metrics.workloads_after) {
        (Some(before), Some(after)) if before > 0.0 => {
            let times = number::plain(after / before);
            let tone = if after > before {
                Tone::Good
            } else {
                Tone::Warn
            };
            (
                tone,
                Text::new(format!("{times} times"), format!("{times}배")),
            )
        }
        _ => open(),
    }
}

/// The metrics of containerisation, six of them.
pub(super) fn metrics(metrics: &Metrics) -> Vec<Finding> {
    let row = |subject, tone, text| finding(tone, subject, text, None, "W 7.2");
    let told = |text: Option<Text>| text.map_or_else(open, |t| (Tone::Plain, t));
    let (build, recover) = (
        told(metrics.build_success.map(number::percent)),
        told(metrics.time_to_recover.map(number::duration)),
    );
    let density = density(metrics);
    let config = answered(metrics.config_external);
    let restart = answered(metrics.restart_and_scale);
    let moved = metrics.operations_moved.as_ref().map(Vec::len);
    let moved = match moved {
        Some(3) => (Tone::Good, Text::new("all three", "세 가지 모두")),
        Some(count) => (
            Tone::Bad,
            Text::new(format!("{count} of 3"), format!("3가지 중 {count}가지")),
        ),
        None => open(),
    };
    vec![
        row(
            Text::new("Image builds that succeed", "이미지 빌드 성공률"),
            build.0,
            build.1,
        ),
        row(
            Text::new(
                "Configuration outside of the images",
                "설정·환경 변수 외부 분리",
            ),
            config.0,
            config.1,
        ),
        row(
            Text::new("Restart and scaling verified", "자동 재시작·확장 검증"),
            restart.0,
            restart.1,
        ),
        row(
            Text::new("Time to recover", "장애 복구 소요 시간"),
            recover.0,
            recover.1,
        ),
        row(
            Text::new("Workloads on the same resources", "동일 자원의 워크로드 수"),
            density.0,
            density.1,
        ),
        row(
            Text::new(
                "Logs, monitoring, access control moved",
                "로그·모니터링·접근 통제 이관",
            ),
            moved.0,
            moved.1,
        ),
    ]
}

/// The further points of the public sector.
pub(super) fn public(answers: &Answers) -> Vec<Finding> {
    let said = &answers.public;
    let measurable = [said.downtime, said.processing_time, said.capacity];
    let all = if measurable.contains(&Some(false)) {
        Some(false)
    } else {
        measurable.iter().all(Option::is_some).then_some(true)
    };
    let rows = [
        (
            Text::new("Services are really split", "마이크로서비스 실제 적용"),
            said.services_split,
        ),
        (
            Text::new(
                "The contract joins building and operation",
                "구축·운영 결합 계약",
            ),
            said.build_and_operate,
        ),
        (
            Text::new(
                "Downtime, processing time and capacity measurable",
                "중단 시간·처리 시간·용량 측정 가능",
            ),
            all,
        ),
    ];
    let rows = rows.into_iter().map(|(subject, answer)| {
        let (tone, text) = answered(answer);
        finding(tone, subject, text, None, "W 11.2")
    });
    rows.collect()
}

/// Which clauses go in, in their order: request for proposals, acceptance.
pub(super) fn clauses(
    rules: &Rules,
    answers: &Answers,
    outcome: &Outcome,
) -> (Vec<Text>, Vec<Text>) {
    let mut rfp: Vec<Text> = rules.criteria.iter().map(|c| c.rfp.clone()).collect();
    let mut acceptance: Vec<Text> = rules
        .criteria
        .iter()
        .map(|c| c.acceptance.clone())
        .collect();
    rfp.push(scope_clause(rules, answers));
    let more = [
        (true, &rules.containerise_first),
        (outcome.bridge.virtual_machines, &rules.bridge),
        (answers.public_sector, &rules.public),
    ];
    for (_, clause) in more.into_iter().filter(|(applies, _)| *applies) {
        rfp.push(clause.rfp.clone());
        acceptance.push(clause.acceptance.clone());
    }
    (rfp, acceptance)
}

/// Which layers are in, which are out, and what comes after.
fn scope_clause(rules: &Rules, answers: &Answers) -> Text {
    let join = |inside: bool, gap: &str, pick: fn(&Text) -> &str| {
        let layers = rules.layers.iter();
        let layers = layers.filter(|l| answers.scope.layers.contains(&l.id) == inside);
        let names: Vec<String> = layers
            .map(|l| format!("{}{gap}({})", pick(&l.label), pick(&l.delivers)))
            .collect();
        if names.is_empty() {
            "–".to_owned()
        } else {
            names.join("; ")
        }
    };
    let en: fn(&Text) -> &str = |t| &t.en;
    let ko: fn(&Text) -> &str = |t| &t.ko;
    let after = answers.scope.after.trim();
    let after = if after.is_empty() { "–" } else { after };
    Text::new(
        format!(
            "In scope: {}. Out of scope: {}. Direction after this order: {after}.",
            join(true, " ", en),
            join(false, " ", en)
        ),
        format!(
            "사업 범위: {}. 범위 밖: {}. 이후의 방향: {after}.",
            join(true, "", ko),
            join(false, "", ko)
        ),
    )
}
