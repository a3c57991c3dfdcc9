//! The verdict: criteria by stage, the bridge rule, and the reasons.

use super::evidence::{self, Says};
use super::{
    Answers, BridgeJudged, Class, Condition, Criterion, CriterionRule, Judged, Outcome, Proof,
    Reason, Rules, STAGES, Stage,
};
use crate::answers::Complaint;
use crate::manifests::Manifests;
use crate::report::Tone;
use planb_model::Text;

pub(super) fn judge(rules: &Rules, answers: &Answers, manifests: Option<&Manifests>) -> Outcome {
    let evidence = manifests.map(evidence::gather).unwrap_or_default();
    let of = |rule: &CriterionRule| {
        let says = evidence::says(&evidence, rule.id);
        criterion(answers, rule.id, says)
    };
    let criteria: Vec<Judged> = rules.criteria.iter().map(of).collect();
    let bridge = bridge(answers, manifests);
    let verdict = verdict(&criteria, &bridge);
    Outcome {
        verdict,
        reasons: reasons(rules, &criteria, &bridge),
        criteria,
        bridge,
        evidence,
        manifest_files: manifests.map_or(0, |m| m.files),
        links_skipped: manifests.map_or(0, |m| m.links_skipped),
    }
}

fn criterion(answers: &Answers, id: Criterion, says: Says) -> Judged {
    let stages: Vec<Proof> = STAGES
        .iter()
        .map(|stage| proof(answers, id, *stage, says))
        .collect();
    let claim = answers.claims(id).at(answers.stage).0;
    let contradiction = matches!(
        (claim, says),
        (Some(true), Says::Contrary) | (Some(false), Says::Shown)
    );
    Judged {
        id,
        stages,
        manifests: says,
        contradiction,
    }
}

/// How a criterion stands at a stage. Manifests show how things are today, so
/// against a claim they count at the stage that is reached. For it they count
/// before acceptance: that a failure was induced no manifest can show.
fn proof(answers: &Answers, id: Criterion, stage: Stage, says: Says) -> Proof {
    if stage > answers.stage {
        return Proof::NotYet;
    }
    if stage == answers.stage && says == Says::Contrary {
        return Proof::Contradicted;
    }
    let borne_out = says == Says::Shown && stage != Stage::Acceptance;
    match answers.claims(id).at(stage) {
        (Some(true), evidence) if !evidence.is_empty() => Proof::Shown,
        (Some(true) | None, _) if borne_out => Proof::ShownByManifests,
        (Some(true), _) => Proof::Claimed,
        (None, _) => Proof::Open,
        (Some(false), _) if borne_out && stage == answers.stage => Proof::Differs,
        (Some(false), _) => Proof::Absent,
    }
}

fn bridge(answers: &Answers, manifests: Option<&Manifests>) -> BridgeJudged {
    let said = &answers.bridge;
    let in_manifests = manifests.map_or(0, |m| {
        m.objects.iter().filter(|o| evidence::is_vm(o)).count()
    });
    let virtual_machines = said.used || in_manifests > 0;
    let overdue = matches!((said.rewrite_by, answers.as_of), (Some(by), Some(today)) if by < today);
    let conditions = [
        (Condition::RewriteBy, said.rewrite_by.is_none()),
        (Condition::RewriteOverdue, overdue),
        (Condition::Temporary, said.temporary != Some(true)),
        (
            Condition::AcceptanceTied,
            said.acceptance_tied != Some(true),
        ),
    ];
    let missing = conditions.into_iter().filter(|(_, missing)| *missing);
    let missing: Vec<Condition> = missing
        .map(|(condition, _)| condition)
        .filter(|_| virtual_machines)
        .collect();
    BridgeJudged {
        virtual_machines,
        in_manifests,
        contradiction: !said.used && in_manifests > 0,
        counts: virtual_machines && missing.is_empty(),
        missing,
    }
}

/// The guests of a bridge are mutable by nature, so its criteria wait for the
/// rewrite; the rule about it decides alone.
fn verdict(criteria: &[Judged], bridge: &BridgeJudged) -> Class {
    if bridge.virtual_machines {
        return if bridge.counts {
            Class::Bridge
        } else {
            Class::Virtualisation
        };
    }
    let mut all = criteria.iter().flat_map(|c| &c.stages);
    if all.clone().any(|p| p.fails()) {
        return Class::Virtualisation;
    }
    if all.all(|p| p.holds() || *p == Proof::NotYet) {
        Class::CloudNative
    } else {
        Class::NotProven
    }
}

fn reasons(rules: &Rules, criteria: &[Judged], bridge: &BridgeJudged) -> Vec<Reason> {
    let mut out = Vec::new();
    if bridge.virtual_machines {
        out.extend(of_bridge(bridge));
    }
    for (judged, rule) in criteria.iter().zip(&rules.criteria) {
        out.push(of_criterion(judged, &rule.label));
    }
    out
}

fn of_bridge(bridge: &BridgeJudged) -> Vec<Reason> {
    let reason = |tone, text| Reason {
        tone,
        text,
        source: "W 6.2",
    };
    let mut out = Vec::new();
    if bridge.contradiction {
        let count = bridge.in_manifests;
        out.push(reason(
            Tone::Bad,
            Text::new(
                format!(
                    "the answers say there are no virtual machines; the manifests hold {count}"
                ),
                format!("답변에는 가상머신이 없다고 했지만 매니페스트에 {count}개가 있습니다"),
            ),
        ));
    }
    if bridge.counts {
        out.push(reason(
            Tone::Warn,
            Text::new(
                "virtual machines on Kubernetes, with a rewrite by a date, called temporary, tied to acceptance",
                "쿠버네티스 위의 가상머신이지만 재작성 기한, 임시 구성 명시, 검수 연동을 모두 갖추었습니다",
            ),
        ));
    }
    out.extend(
        bridge
            .missing
            .iter()
            .map(|c| reason(Tone::Bad, lacking(*c))),
    );
    out
}

fn lacking(condition: Condition) -> Text {
    match condition {
        Condition::RewriteBy => Text::new(
            "virtual machines on Kubernetes, and the plan states no rewrite by a date",
            "쿠버네티스 위에 가상머신을 두면서 계획서에 재작성 기한이 없습니다",
        ),
        Condition::RewriteOverdue => Text::new(
            "the day of the rewrite is over",
            "재작성 기한이 이미 지났습니다",
        ),
        Condition::Temporary => Text::new(
            "virtual machines on Kubernetes, and the plan does not call them temporary",
            "쿠버네티스 위에 가상머신을 두면서 임시 구성임을 명시하지 않았습니다",
        ),
        Condition::AcceptanceTied => Text::new(
            "virtual machines on Kubernetes, and acceptance is not tied to their rewrite",
            "쿠버네티스 위에 가상머신을 두면서 재작성을 검수 기준에 연동하지 않았습니다",
        ),
    }
}

fn of_criterion(judged: &Judged, label: &Text) -> Reason {
    let has = |proof: Proof| judged.stages.contains(&proof);
    let (tone, en, ko) = if has(Proof::Contradicted) {
        (
            Tone::Bad,
            "the manifests show the contrary",
            "매니페스트가 반대 사실을 보여 줍니다",
        )
    } else if has(Proof::Absent) {
        (Tone::Bad, "is not met", "충족하지 않습니다")
    } else if has(Proof::Differs) {
        (
            Tone::Warn,
            "the answers say no and the manifests show it: one of the two is wrong",
            "답변은 아니요인데 매니페스트에는 있습니다. 둘 중 하나가 틀렸습니다",
        )
    } else if has(Proof::Claimed) {
        (
            Tone::Unknown,
            "is claimed without evidence",
            "근거 없이 주장만 있습니다",
        )
    } else if has(Proof::Open) {
        (
            Tone::Unknown,
            "is not answered at a stage that is reached",
            "도달한 단계의 답이 없습니다",
        )
    } else {
        (
            Tone::Good,
            "is shown at every stage reached",
            "도달한 모든 단계에서 확인되었습니다",
        )
    };
    Reason {
        tone,
        text: Text::new(format!("{}: {en}", label.en), format!("{}: {ko}", label.ko)),
        source: "W 6.2",
    }
}

/// An answer about a stage that is not reached.
pub(super) fn ahead(criterion: Criterion, stage: Stage) -> Complaint {
    let criterion = match criterion {
        Criterion::ImmutableImage => "immutableImage",
        Criterion::DeclarativeDeployment => "declarativeDeployment",
        Criterion::AutomaticOrchestration => "automaticOrchestration",
    };
    let stage = match stage {
        Stage::Proposal => "proposal",
        Stage::MidProject => "midProject",
        Stage::Acceptance => "acceptance",
    };
    Complaint {
        field: format!("{criterion}.{stage}"),
        message: Text::new(
            "an answer about a stage the project has not reached",
            "아직 도달하지 않은 단계의 답입니다",
        ),
        hint: Text::new(
            "leave it empty, or correct `stage`",
            "비워 두거나 `stage`를 고치세요",
        ),
    }
}
