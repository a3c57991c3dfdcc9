//! `authenticity` against W 2.1, 6.2, 7 and 11.2.

use crate::support::{assess, assess_with, outcome, rules, said};
use planb_assess::manifests::{self, Manifests};
use planb_assess::report::Tone;
use planb_assess::{Assessed, Inputs};
use proptest::prelude::*;
use serde_json::{Value, json};

const CRITERIA: [&str; 3] = [
    "immutableImage",
    "declarativeDeployment",
    "automaticOrchestration",
];
const STAGES: [&str; 3] = ["proposal", "midProject", "acceptance"];
pub const DIGEST: &str =
    "registry.example/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Answers at a stage with a yes and evidence everywhere, `changes` over them
/// (`criterion.field` to its value; empty takes it out) and `more` lines.
pub fn file(stage: &str, changes: &[(&str, &str)], more: &str) -> String {
    let reached = STAGES.iter().position(|s| *s == stage).expect("a stage");
    let mut text = format!("  system: x\n  stage: {stage}\n  publicSector: yes\n{more}");
    if !more.contains("bridge:") {
        text.push_str("  bridge: { used: no }\n");
    }
    for criterion in CRITERIA {
        text.push_str(&format!("  {criterion}:\n"));
        for stage in &STAGES[..=reached] {
            for (field, value) in [
                ((*stage).to_owned(), "yes"),
                (format!("{stage}Evidence"), "seen"),
            ] {
                let path = format!("{criterion}.{field}");
                let value = changes
                    .iter()
                    .find(|(p, _)| *p == path)
                    .map_or(value, |(_, v)| v);
                text.push_str(&format!("    {field}: {value}\n"));
            }
        }
    }
    text
}

fn manifests(text: &str) -> Manifests {
    let objects = manifests::read(text, "app.yaml")
        .unwrap_or_else(|e| panic!("{}", e.render(planb_model::Lang::En)));
    Manifests {
        files: 1,
        links_skipped: 0,
        objects,
    }
}

pub fn with(answers: &str, yaml: &str) -> Assessed {
    let inputs = Inputs {
        manifests: Some(manifests(yaml)),
        ..Inputs::default()
    };
    assess_with("authenticity", answers, &inputs).unwrap_or_else(|r| panic!("{}", said(&r)))
}

pub fn verdict(answers: &str) -> Value {
    outcome("authenticity", answers)["verdict"].clone()
}

pub fn deployment(image: &str, more: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n          image: {image}\n          livenessProbe: {{ tcpSocket: {{ port: 80 }} }}\n          securityContext: {{ readOnlyRootFilesystem: true }}\n{more}"
    )
}

pub const HPA: &str = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: web }\nspec: { scaleTargetRef: { kind: Deployment, name: web } }\n";
pub const VM: &str =
    "---\napiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: { name: old }\nspec: {}\n";

#[test]
fn every_cell_of_the_table_of_criteria() {
    let table = json!([
        [
            "immutableImage",
            "불변 이미지",
            "실행 중 상태를 직접 변경(가변)",
            "불변 이미지 교체로 상태 재현"
        ],
        [
            "declarativeDeployment",
            "선언적 배포",
            "절차 수행 중심(명령형)",
            "목표 상태 선언 후 자동 조정(선언적)"
        ],
        [
            "automaticOrchestration",
            "자동 오케스트레이션",
            "수동 개입 필요",
            "자동 감지·재배치·확장"
        ],
    ]);
    let rules = rules("authenticity");
    let cells: Vec<Value> = rules["criteria"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| {
            json!([
                c["id"],
                c["label"]["ko"],
                c["virtualisation"]["ko"],
                c["cloudNative"]["ko"]
            ])
        })
        .collect();
    assert_eq!(json!(cells), table);
}

#[test]
fn every_element_of_the_definition_and_every_layer() {
    let rules = rules("authenticity");
    let pairs = |key: &str, second: &str| -> Value {
        let all = rules[key].as_array().expect("a list").iter();
        json!(
            all.map(|e| json!([e["label"]["ko"], e[second]["ko"]]))
                .collect::<Vec<_>>()
        )
    };
    assert_eq!(
        pairs("elements", "solves"),
        json!([
            ["컨테이너", "개발·운영 환경 불일치, 의존성 충돌"],
            [
                "서비스 메시",
                "서비스 간 통신의 인증·재시도·관측이 코드에 섞임"
            ],
            [
                "마이크로서비스",
                "거대 단일 애플리케이션의 변경·배포 경직성"
            ],
            ["불변 인프라", "서버별 설정 편차, 재현 불가능한 장애"],
            ["선언적 API", "수동 운영 절차 의존, 상태 불일치 복구 지연"],
        ])
    );
    assert_eq!(
        pairs("layers", "delivers"),
        json!([
            ["인프라 현대화", "컨테이너 이미지, 오케스트레이션 배포 정의"],
            [
                "애플리케이션 현대화",
                "도메인별 독립 서비스, 서비스 간 통신 정의"
            ],
            [
                "운영 현대화",
                "자동화 파이프라인, 관측성 체계, 장애 대응 절차서"
            ],
        ])
    );
}

#[test]
fn every_criterion_at_every_stage_decides() {
    for (reached, stage) in STAGES.iter().enumerate() {
        assert_eq!(verdict(&file(stage, &[], "")), "cloud-native", "{stage}");
        for criterion in CRITERIA {
            for (at, cell) in STAGES.iter().enumerate().take(reached + 1) {
                let field = format!("{criterion}.{cell}");
                let evidence = format!("{criterion}.{cell}Evidence");
                let of = |change: (&str, &str)| {
                    let found = outcome("authenticity", &file(stage, &[change], ""));
                    let judged = found["criteria"]
                        .as_array()
                        .expect("a list")
                        .iter()
                        .find(|c| c["id"] == criterion)
                        .expect("judged")
                        .clone();
                    (found["verdict"].clone(), judged["stages"][at].clone())
                };
                assert_eq!(
                    of((&field, "no")),
                    (json!("virtualisation"), json!("absent")),
                    "{field}"
                );
                assert_eq!(
                    of((&field, "")),
                    (json!("not-proven"), json!("open")),
                    "{field}"
                );
                assert_eq!(
                    of((&evidence, "")),
                    (json!("not-proven"), json!("claimed")),
                    "{evidence}"
                );
            }
        }
    }
}

#[test]
fn without_manifests_no_contradiction_is_no_good_sign() {
    let tone = |assessed: Assessed| {
        let mut tiles = assessed.report.tiles.into_iter();
        let tile = tiles.find(|tile| tile.title.en == "Contradictions");
        tile.map(|tile| tile.tone)
    };
    let answers = file("acceptance", &[], "");
    let alone = assess("authenticity", &answers).unwrap_or_else(|r| panic!("{}", said(&r)));
    assert_eq!(tone(alone), Some(Tone::Unknown));
    let image = format!("web@sha256:{}", "a".repeat(64));
    let seen = with(&answers, &(deployment(&image, "") + HPA));
    assert_eq!(tone(seen), Some(Tone::Good));
}

#[test]
fn a_stage_that_is_not_reached_has_no_answer() {
    let text = file("acceptance", &[], "").replace("stage: acceptance", "stage: proposal");
    let refusal = assess_with("authenticity", &text, &Inputs::default()).expect_err("refused");
    let text = said(&refusal);
    assert!(
        text.contains("(immutableImage.midProject)") && text.contains("has not reached"),
        "{text}"
    );
}

#[test]
fn a_bridge_needs_all_three_conditions() {
    let of = |bridge: &str| {
        let more = format!("  asOf: 2027-04-01\n  bridge: {{ used: yes{bridge} }}\n");
        let found = outcome("authenticity", &file("proposal", &[], &more));
        (found["verdict"].clone(), found["bridge"]["missing"].clone())
    };
    let (by, temporary, tied) = (
        ", rewriteBy: 2028-06",
        ", temporary: yes",
        ", acceptanceTied: yes",
    );
    assert_eq!(
        of(&format!("{by}{temporary}{tied}")),
        (json!("bridge"), json!([]))
    );
    for (bridge, missing) in [
        (format!("{temporary}{tied}"), "rewriteBy"),
        (format!("{by}{tied}"), "temporary"),
        (format!("{by}{temporary}"), "acceptanceTied"),
        (format!("{by}, temporary: no{tied}"), "temporary"),
        (
            format!(", rewriteBy: 2027-03{temporary}{tied}"),
            "rewriteOverdue",
        ),
    ] {
        assert_eq!(
            of(&bridge),
            (json!("virtualisation"), json!([missing])),
            "{bridge}"
        );
    }
    let all = json!(["rewriteBy", "temporary", "acceptanceTied"]);
    assert_eq!(of(""), (json!("virtualisation"), all));
}

#[test]
fn containers_come_before_services_and_never_in_one_order() {
    let of = |scope: &str| {
        let found = assess_with(
            "authenticity",
            &file("proposal", &[], &format!("  scope: {{ {scope} }}\n")),
            &Inputs::default(),
        )
        .unwrap_or_else(|r| panic!("{}", said(&r)));
        let sections = found.report.sections;
        let scope = sections
            .into_iter()
            .find(|s| s.title.en == "Scope")
            .expect("a section");
        let json = serde_json::to_value(scope).expect("JSON");
        json["blocks"][0]["content"][0]["tone"].clone()
    };
    assert_eq!(of("layers: [infrastructure, operations]"), "good");
    assert_eq!(
        of("layers: [infrastructure, application], oneAcceptance: no"),
        "good"
    );
    assert_eq!(
        of("layers: [infrastructure, application], oneAcceptance: yes"),
        "bad"
    );
    assert_eq!(of("layers: [infrastructure, application]"), "bad");
    assert_eq!(of("layers: [application], alreadyContainers: yes"), "good");
    assert_eq!(of("layers: [application]"), "bad");
}

#[test]
fn what_stands_beside_the_criteria_is_told() {
    let of = |more: &str, section: &str| -> Vec<String> {
        let found = assess_with(
            "authenticity",
            &file("proposal", &[], more),
            &Inputs::default(),
        )
        .unwrap_or_else(|r| panic!("{}", said(&r)));
        let section = found
            .report
            .sections
            .into_iter()
            .find(|s| s.title.en == section)
            .expect("a section");
        let json = serde_json::to_value(section).expect("JSON");
        let rows = json["blocks"][0]["content"]
            .as_array()
            .expect("findings")
            .clone();
        rows.iter()
            .map(|f| f["tone"].as_str().expect("a tone").to_owned())
            .collect()
    };
    assert_eq!(
        of(
            "  osBefore: 100\n  osAfter: 10\n  verifiable: yes\n",
            "Also in the table"
        ),
        ["good", "good"]
    );
    assert_eq!(
        of(
            "  osBefore: 100\n  osAfter: 100\n  verifiable: no\n",
            "Also in the table"
        ),
        ["bad", "bad"]
    );
    assert_eq!(of("", "Also in the table"), ["unknown", "unknown"]);
    let metrics = "  metrics: { buildSuccess: 97%, configExternal: yes, restartAndScale: no, timeToRecover: 40s, workloadsBefore: 20, workloadsAfter: 60, operationsMoved: [logs, access] }\n";
    assert_eq!(
        of(metrics, "Metrics of containerisation"),
        ["plain", "good", "bad", "plain", "good", "bad"]
    );
    assert_eq!(of("", "Metrics of containerisation"), ["unknown"; 6]);
    let public = "  public: { servicesSplit: yes, buildAndOperate: no, downtime: yes, processingTime: yes }\n";
    let title = "Further points of the public sector";
    assert_eq!(of(public, title), ["good", "bad", "unknown"]);
    assert_eq!(
        of(&public.replace("Time: yes", "Time: no"), title),
        ["good", "bad", "bad"]
    );
}

#[test]
fn clauses_are_in_both_languages_and_only_where_they_apply() {
    let clauses = |text: &str| {
        let found = assess_with("authenticity", text, &Inputs::default())
            .unwrap_or_else(|r| panic!("{}", said(&r)));
        let section = |title: &str| {
            found
                .report
                .sections
                .iter()
                .find(|s| s.title.en == title)
                .expect("a section")
                .clone()
        };
        serde_json::to_string(&[
            section("Clauses for the request for proposals"),
            section("Clauses for acceptance"),
        ])
        .expect("JSON")
    };
    let public = clauses(&file(
        "proposal",
        &[],
        "  scope: { layers: [infrastructure], after: later }\n",
    ));
    for needle in [
        "다이제스트",
        "are stopped on purpose",
        "고의 중단",
        "처리 용량",
        "In scope: infrastructure (images",
        "사업 범위: 인프라 현대화",
    ] {
        assert!(public.contains(needle), "{needle} in {public}");
    }
    assert!(!public.contains("temporary step"));
    let bridge = clauses(
        &file("proposal", &[], "  bridge: { used: yes }\n")
            .replace("publicSector: yes", "publicSector: no"),
    );
    assert!(
        bridge.contains("temporary step") && !bridge.contains("처리 용량"),
        "{bridge}"
    );
    // Our own words, not the document's sentence.
    assert!(!public.contains("실행 중 애플리케이션 서버에 직접 접속해"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Better proof never makes the verdict worse; a no never makes it better.
    #[test]
    fn proof_only_helps(cells in proptest::collection::vec(0..3u8, 6), more in 0..6usize) {
        let rank = |cells: &[u8]| {
            let mut changes: Vec<(String, &str)> = Vec::new();
            for (at, cell) in cells.iter().enumerate() {
                let path = format!("{}.{}", CRITERIA[at / 2], STAGES[at % 2]);
                changes.push((format!("{path}Evidence"), if *cell == 2 { "seen" } else { "" }));
                changes.push((path, if *cell == 0 { "no" } else { "yes" }));
            }
            let changes: Vec<(&str, &str)> = changes.iter().map(|(p, v)| (p.as_str(), *v)).collect();
            let found = verdict(&file("midProject", &changes, ""));
            ["virtualisation", "not-proven", "cloud-native"].iter().position(|v| found == *v).expect("a verdict")
        };
        let mut better = cells.clone();
        better[more] = (better[more] + 1).min(2);
        prop_assert!(rank(&better) >= rank(&cells));
        prop_assert_eq!(rank(&cells) == 2, cells.iter().all(|c| *c == 2));
    }

    /// No text makes the reader of manifests panic.
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z:{}\\[\\]\\n \\-]{0,80}") {
        let known = format!("apiVersion: v1\nkind: Pod\nspec:\n  {text}\n");
        for one in [&text, &known] {
            if let Ok(objects) = manifests::read(one, "f") {
                prop_assert!(objects.len() <= one.len());
            }
        }
    }
}
