//! `gpu`: sharing per workload, GPUs and cost, and what the stack needs to be
//! recovered (V 8.2, W 12).

use crate::method::{Assess, Inputs};
use crate::number;
use crate::report::{
    Bars, Block, Cell, Chart, Column, Finding, Report, Row, Section, Table, Tile, Tone, Verdict,
};
use crate::sheet::Sheet;
use planb_model::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The method.
pub struct Gpu;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    modes: Vec<ModeRule>,
    utilisation_before: Share,
    utilisation_after: Share,
}

/// What a mode is called.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeRule {
    id: Mode,
    label: Text,
}

/// A range in per cent.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    low: f64,
    high: f64,
}

/// How a GPU is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Not at all.
    Whole,
    /// In slices the hardware keeps apart.
    Mig,
    /// In turns.
    TimeSlicing,
}

/// The answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    /// In dollars.
    price_per_month: f64,
    slices: u64,
    pods_per_time_sliced_gpu: u64,
    workloads: Vec<Workload>,
    image_tags_only: bool,
    #[serde(default)]
    vector_store_backup: Option<bool>,
}

/// One workload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    name: String,
    pods: u64,
    whole_gpu: bool,
    #[serde(default)]
    isolated: Option<bool>,
    #[serde(default)]
    delay_sensitive: Option<bool>,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    workloads: Vec<Shared>,
    /// GPUs by mode; slices of one GPU may serve several workloads.
    gpus: BTreeMap<Mode, u64>,
    gpus_shared: u64,
    gpus_whole: u64,
    cost_shared: f64,
    cost_whole: f64,
    reproducible: bool,
    vector_store_backed_up: Option<bool>,
}

/// One workload's mode.
#[derive(Debug, Serialize)]
pub struct Shared {
    name: String,
    mode: Mode,
    pods: u64,
}

impl Assess for Gpu {
    const NAME: &'static str = "gpu";
    const SHEET: &'static str = include_str!("../../rules/gpu.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn evaluate(_rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let workloads: Vec<Shared> = answers.workloads.iter().map(share).collect();
        let mut pods: BTreeMap<Mode, u64> = BTreeMap::new();
        for workload in &workloads {
            *pods.entry(workload.mode).or_default() += workload.pods;
        }
        let gpus: BTreeMap<Mode, u64> = pods
            .into_iter()
            .map(|(mode, pods)| (mode, pods.div_ceil(per_gpu(answers, mode))))
            .collect();
        let gpus_shared = gpus.values().sum();
        let gpus_whole = answers.workloads.iter().map(|w| w.pods).sum();
        Outcome {
            workloads,
            gpus,
            gpus_shared,
            gpus_whole,
            cost_shared: gpus_shared as f64 * answers.price_per_month,
            cost_whole: gpus_whole as f64 * answers.price_per_month,
            reproducible: answers.image_tags_only,
            vector_store_backed_up: answers.vector_store_backup,
        }
    }

    fn report(_: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        Report {
            method: String::new(),
            title: Text::same(""),
            source: String::new(),
            verdict: verdict(outcome),
            tiles: tiles(rules, outcome),
            sections: vec![modes(rules, answers, outcome), recovery(outcome)],
            notes: Vec::new(),
        }
    }
}

/// Isolation and delay ask for slices of the hardware; everything else may take turns.
fn share(workload: &Workload) -> Shared {
    let strict = workload.isolated == Some(true) || workload.delay_sensitive == Some(true);
    let mode = match (workload.whole_gpu, strict) {
        (true, _) => Mode::Whole,
        (false, true) => Mode::Mig,
        (false, false) => Mode::TimeSlicing,
    };
    Shared {
        name: workload.name.clone(),
        mode,
        pods: workload.pods,
    }
}

fn per_gpu(answers: &Answers, mode: Mode) -> u64 {
    match mode {
        Mode::Whole => 1,
        Mode::Mig => answers.slices.max(1),
        Mode::TimeSlicing => answers.pods_per_time_sliced_gpu.max(1),
    }
}

fn verdict(outcome: &Outcome) -> Verdict {
    let (shared, whole) = (outcome.gpus_shared, outcome.gpus_whole);
    let saved = number::money(outcome.cost_whole - outcome.cost_shared);
    Verdict {
        tone: if shared < whole {
            Tone::Good
        } else {
            Tone::Plain
        },
        headline: Text::new(
            format!("{shared} GPUs instead of {whole}"),
            format!("GPU {whole}장 대신 {shared}장"),
        ),
        reason: Text::new(
            format!("Sharing saves ${saved} a month against one GPU per pod."),
            format!("파드마다 한 장씩 쓸 때보다 월 ${saved}를 아낍니다."),
        ),
    }
}

fn tiles(rules: &Rules, outcome: &Outcome) -> Vec<Tile> {
    let range = |share: Share| {
        let (low, high) = (share.low, share.high);
        Text::new(format!("{low}–{high} %"), format!("{low}~{high}%"))
    };
    vec![
        Tile {
            title: Text::new("Cost", "비용"),
            value: Text::new(
                format!("${} a month", number::money(outcome.cost_shared)),
                format!("월 ${}", number::money(outcome.cost_shared)),
            ),
            note: Text::new(
                format!("${} without sharing", number::money(outcome.cost_whole)),
                format!("공유하지 않으면 ${}", number::money(outcome.cost_whole)),
            ),
            tone: Tone::Plain,
        },
        Tile {
            title: Text::new("Use of a GPU", "GPU 사용률"),
            value: range(rules.utilisation_after),
            note: Text::new(
                format!(
                    "illustrative; {} before",
                    range(rules.utilisation_before).en
                ),
                format!("예시. 공유 전 {}", range(rules.utilisation_before).ko),
            ),
            tone: Tone::Plain,
        },
    ]
}

fn modes(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let label = |mode: Mode| {
        let rule = rules.modes.iter().find(|rule| rule.id == mode);
        rule.map_or_else(|| Text::same("–"), |rule| rule.label.clone())
    };
    let mut table = Table::new(
        Text::new("Sharing per workload", "워크로드별 공유 방식"),
        vec![
            Column::text(Text::new("Workload", "워크로드")),
            Column::figures(Text::new("Pods", "파드")),
            Column::text(Text::new("Sharing", "공유 방식")),
            Column::figures(Text::new("Pods per GPU", "GPU당 파드")),
        ],
    );
    table.main = true;
    let row = |w: &Shared| -> Vec<Cell> {
        vec![
            w.name.as_str().into(),
            number::grouped(w.pods).into(),
            label(w.mode).into(),
            number::grouped(per_gpu(answers, w.mode)).into(),
        ]
    };
    table.rows = outcome.workloads.iter().map(row).collect();
    let bar = |(mode, gpus): (&Mode, &u64)| Row {
        label: label(*mode),
        values: vec![*gpus as f64],
    };
    let bars = Bars {
        title: Text::new("GPUs needed", "필요한 GPU 수"),
        unit: Text::new("number of cards", "장"),
        series: vec![Text::new("GPUs", "GPU 수")],
        rows: outcome.gpus.iter().map(bar).collect(),
    };
    Section::new(
        Text::new("Sharing", "공유"),
        vec![Block::Table(table), Block::Chart(Chart::Bars(bars))],
    )
}

fn recovery(outcome: &Outcome) -> Section {
    let finding = |good: Option<bool>, subject: Text, yes: Text, no: Text, source: &str| Finding {
        tone: match good {
            Some(true) => Tone::Good,
            Some(false) => Tone::Bad,
            None => Tone::Unknown,
        },
        subject,
        reason: match good {
            Some(true) => yes,
            Some(false) => no,
            None => Text::new("not answered", "답변 없음"),
        },
        action: None,
        source: Some(source.to_owned()),
    };
    let findings = vec![
        finding(
            Some(outcome.reproducible),
            Text::new("The stack from image tags alone", "이미지 태그만으로 재현"),
            Text::new(
                "it can be made again at the other site",
                "다른 사이트에서 다시 만들 수 있습니다",
            ),
            Text::new(
                "something was set by hand: put it into images and manifests",
                "손으로 설정한 부분이 있습니다. 이미지와 매니페스트에 담으세요",
            ),
            "W 12.1",
        ),
        finding(
            outcome.vector_store_backed_up,
            Text::new("Vector store", "벡터 저장소"),
            Text::new("it has a backup of its own", "자체 백업이 있습니다"),
            Text::new(
                "images do not bring its content back: take snapshots or clone its volume",
                "이미지로는 내용이 복구되지 않습니다. 스냅샷이나 볼륨 복제를 마련하세요",
            ),
            "W 12",
        ),
    ];
    Section::new(
        Text::new("To be recovered", "복구 준비"),
        vec![Block::Findings(findings)],
    )
}
