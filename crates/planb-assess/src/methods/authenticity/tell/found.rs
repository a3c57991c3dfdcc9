//! What the manifests hold, criterion by criterion.

use super::super::evidence::{Evidence, Weight, What};
use super::super::{Outcome, Rules};
use crate::number;
use crate::report::{Block, Cell, Column, Section, Table, Tone};
use planb_model::Text;

/// Places that are shown for one thing; the JSON output has all.
const PLACES_MAX: usize = 4;

/// The section; none when no manifests were read.
pub(super) fn section(rules: &Rules, outcome: &Outcome) -> Option<Section> {
    if outcome.manifest_files == 0 {
        return None;
    }
    let mut table = Table::new(
        Text::new("Evidence by criterion", "기준별 근거"),
        vec![
            Column::text(Text::new("Criterion", "기준")),
            Column::text(Text::new("What was found", "발견 내용")),
            Column::figures(Text::new("Times", "건수")),
            Column::text(Text::new("Where (file:document)", "위치(파일:문서)")),
        ],
    );
    for rule in &rules.criteria {
        let mut kinds: Vec<(Weight, What)> = Vec::new();
        let about = |e: &&Evidence| e.criterion == rule.id;
        for one in outcome.evidence.iter().filter(about) {
            if !kinds.contains(&(one.weight, one.what)) {
                kinds.push((one.weight, one.what));
            }
        }
        kinds.sort_unstable();
        for (weight, what) in kinds {
            let same = |e: &&Evidence| about(e) && e.weight == weight && e.what == what;
            let all: Vec<&Evidence> = outcome.evidence.iter().filter(same).collect();
            table.rows.push(vec![
                rule.label.clone().into(),
                Cell::toned(said(what), tone(weight)),
                number::grouped(all.len() as u64).into(),
                places(&all).into(),
            ]);
        }
    }
    let block = if table.rows.is_empty() {
        Block::Paragraph(Text::new(
            "Nothing in them speaks for or against a criterion.",
            "세 기준을 판단할 내용이 없습니다.",
        ))
    } else {
        Block::Table(table)
    };
    let lead = Text::new(
        "It beats a bare claim. At acceptance it does not stand for an induced failure.",
        "근거 없는 주장보다 우선합니다. 다만 준공 검사의 고의 장애 시험을 대신하지는 않습니다.",
    );
    let title = Text::new("Evidence from the manifests", "매니페스트에서 찾은 근거");
    Some(Section::new(title, vec![block]).lead(lead))
}

fn tone(weight: Weight) -> Tone {
    match weight {
        Weight::Against => Tone::Bad,
        Weight::Weak => Tone::Warn,
        Weight::For => Tone::Good,
    }
}

fn places(all: &[&Evidence]) -> Text {
    let join = |line: fn(usize) -> String| {
        let shown = all.iter().take(PLACES_MAX).map(|e| {
            let place = &e.place;
            let line = line(place.line);
            format!("{}:{}, {line} ({})", place.file, place.document, e.object)
        });
        shown.collect::<Vec<_>>().join("; ")
    };
    let (en, ko) = (
        join(|line| format!("line {line}")),
        join(|line| format!("{line}번째 줄")),
    );
    match all.len().saturating_sub(PLACES_MAX) {
        0 => Text::new(en, ko),
        rest => Text::new(
            format!("{en}; and {rest} more"),
            format!("{ko} 외 {rest}건"),
        ),
    }
}

fn said(what: What) -> Text {
    match what {
        What::Digest => Text::new("all images by digest", "모든 이미지를 다이제스트로 지정"),
        What::Tag => Text::new(
            "image by a tag, which can be moved",
            "바뀔 수 있는 태그로 이미지 지정",
        ),
        What::Latest => Text::new(
            "image without a fixed version",
            "버전이 고정되지 않은 이미지",
        ),
        What::HostPath => Text::new(
            "path of the node mounted (hostPath)",
            "노드 경로 마운트(hostPath)",
        ),
        What::WritableRoot => Text::new(
            "root file system can be written",
            "쓰기 가능한 루트 파일 시스템",
        ),
        What::EmptyDir => Text::new(
            "state in an emptyDir, lost with the pod",
            "파드와 함께 사라지는 emptyDir 사용",
        ),
        What::ClaimOnDeployment => {
            Text::new("volume claim on a Deployment", "Deployment에 연결된 PVC")
        }
        What::Controller => Text::new(
            "declared and kept by a controller",
            "컨트롤러가 선언 상태 유지",
        ),
        What::BarePod => Text::new("bare Pod that nothing keeps", "컨트롤러 없는 단독 Pod"),
        What::GitOps => Text::new("kept by a GitOps controller", "GitOps 컨트롤러가 유지"),
        What::Probes => Text::new("probes on all containers", "모든 컨테이너에 프로브 설정"),
        What::NoProbe => Text::new("container without a probe", "프로브 없는 컨테이너"),
        What::Scaled => Text::new("scaled by HPA or KEDA", "HPA·KEDA로 자동 확장"),
        What::NotScaled => Text::new(
            "Deployment that nothing scales",
            "자동 확장이 없는 Deployment",
        ),
        What::VirtualMachine => Text::new("virtual machine (KubeVirt)", "가상머신(KubeVirt)"),
    }
}
