//! Evidence in the vault: snapshots, and restores that were compared.

use super::{DAY_SECS, Look, dated, met, missing, not_met};
use crate::facts::Facts;
use crate::methods::compliance::{Need, Rules};
use planb_model::plan::ServicePlan;
use planb_model::recovery::SignatureState;

/// A snapshot may be this many intervals old: one is being taken.
const SNAPSHOT_INTERVALS_MAX: u32 = 2;

/// The newest snapshot.
pub(super) fn snapshot(need: Need, facts: &Facts, plan: &ServicePlan) -> Look {
    let Some(points) = &facts.points else {
        return missing("the vault was not looked at", "볼트를 확인하지 않음");
    };
    let whole = points.iter().filter(|point| point.damage.is_none());
    let Some(newest) = whole
        .filter_map(|point| point.facts.as_ref())
        .max_by_key(|f| f.taken_at)
    else {
        return not_met("there is no whole snapshot", "온전한 스냅샷이 없음");
    };
    if need == Need::SnapshotSigned {
        return match newest.signature {
            SignatureState::Valid => met(
                "the newest snapshot is signed by a trusted key",
                "최신 스냅샷이 신뢰하는 키로 서명됨",
            ),
            SignatureState::Unchecked => missing(
                "it is signed; no key was given to check it with",
                "서명은 있으나 확인할 키가 지정되지 않음",
            ),
            SignatureState::Unsigned => not_met(
                "the newest snapshot is not signed",
                "최신 스냅샷에 서명이 없음",
            ),
        };
    }
    let most = plan.data.snapshot_interval * SNAPSHOT_INTERVALS_MAX;
    let days = most.as_secs_f64() / DAY_SECS as f64;
    dated(
        newest.taken_at,
        facts.now,
        days,
        "newest snapshot",
        "최신 스냅샷",
    )
}

/// The newest restore.
pub(super) fn verification(need: Need, rules: &Rules, facts: &Facts, plan: &ServicePlan) -> Look {
    let Some(records) = &facts.records else {
        return missing("the vault was not looked at", "볼트를 확인하지 않음");
    };
    let records = records.iter().filter(|record| record.service == plan.name);
    let Some(newest) = records.max_by_key(|record| record.written_at) else {
        return missing(
            "no snapshot was ever restored to be looked at",
            "복원해 확인한 스냅샷이 없음",
        );
    };
    let passed = newest.passed == Some(true);
    if !passed {
        return not_met(
            "the newest restore did not pass",
            "최신 복원 검증이 통과하지 못함",
        );
    }
    let list = |key: &str| newest.body[key].as_array().map(Vec::len);
    if need == Need::CleanPoint && (list("problems") != Some(0) || list("integrity") != Some(0)) {
        return missing(
            "the restore does not say that nothing was wrong",
            "복원 기록에 이상 없음이 확인되지 않음",
        );
    }
    let days = f64::from(rules.drill_days_max);
    dated(
        newest.written_at,
        facts.now,
        days,
        "restored and compared",
        "복원 후 비교",
    )
}
