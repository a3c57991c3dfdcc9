//! Whether the vault's store itself keeps backups from being changed or deleted.
//!
//! Whoever got PlanB's credentials could otherwise delete every backup. Looked
//! at on the newest object of the vault that exists; nothing is written.

use super::{failed, not_known};
use jiff::Timestamp;
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_model::plan::ServicePlan;
use planb_ports::storage::Immutability;
use planb_ports::{ErrorKind, PortResult, VaultStorage};

const CODE: &str = "PB-CHECK-VAULT-LOCK";

/// Looks at the lock of the newest manifest, or of the newest epoch's claim.
pub(super) async fn check(
    plan: &ServicePlan,
    storage: &dyn VaultStorage,
    now: Timestamp,
) -> Finding {
    let subject = format!("{}: vault {}: immutability", plan.name, plan.data.vault.url);
    let key = match newest(plan, storage).await {
        Ok(Some(key)) => key,
        Ok(None) => return nothing_yet(subject),
        Err(error) => return not_known(CODE, subject, &error),
    };
    match storage.immutability(&key).await {
        Ok(found) => judge(subject, &key, found, now),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let mut finding = failed(subject, &error);
            finding.code = CODE.to_owned();
            finding.severity = Severity::Warning;
            finding
        }
        Err(error) => not_known(CODE, subject, &error),
    }
}

async fn newest(plan: &ServicePlan, storage: &dyn VaultStorage) -> PortResult<Option<String>> {
    for folder in ["manifest", "epoch"] {
        let found = storage
            .list(&format!("{}/{folder}/", plan.name), None)
            .await?;
        if let Some(object) = found.last() {
            return Ok(Some(object.key.clone()));
        }
    }
    Ok(None)
}

fn nothing_yet(subject: String) -> Finding {
    Finding::failed(
        CODE,
        Severity::Unknown,
        subject,
        Text::new(
            "the vault is empty, so there is no object whose lock could be looked at",
            "볼트가 비어 있어 잠금을 확인할 객체가 없습니다",
        ),
        Text::new(
            "check again when the first snapshot is there",
            "첫 스냅샷이 저장된 뒤 다시 점검하세요",
        ),
    )
}

fn judge(subject: String, key: &str, found: Immutability, now: Timestamp) -> Finding {
    let (until, liftable) = match found {
        Immutability::Until { until, liftable } if until.is_none_or(|until| until > now) => {
            (until, liftable)
        }
        _ => return not_immutable(subject, key),
    };
    let end = |open: &str| until.map_or(open.to_owned(), |until| until.to_string());
    let (en, ko) = (end("further notice"), end("별도 해제 시"));
    if !liftable {
        let reason = Text::new(
            format!("{key} is immutable until {en}"),
            format!("{key}은(는) {ko}까지 변경·삭제할 수 없습니다"),
        );
        return Finding::ok(CODE, subject, reason);
    }
    Finding::failed(
        CODE,
        Severity::Warning,
        subject,
        Text::new(
            format!("{key} is immutable until {en}, unless somebody with the right lifts the lock"),
            format!(
                "{key}은(는) {ko}까지 변경·삭제할 수 없지만, 권한이 있는 사용자가 잠금을 해제할 수 있습니다"
            ),
        ),
        Text::new(
            "use compliance mode (S3) or a locked policy (Azure) when nobody shall be able to",
            "아무도 해제할 수 없게 하려면 규정 준수 모드(S3) 또는 잠긴 정책(Azure)을 사용하세요",
        ),
    )
}

fn not_immutable(subject: String, key: &str) -> Finding {
    Finding::failed(
        CODE,
        Severity::Warning,
        subject,
        Text::new(
            format!(
                "{key} is not immutable as far as the store shows: \
                 who has the vault's credentials can delete every backup"
            ),
            format!(
                "저장소 정보상 {key}은(는) 불변이 아닙니다. \
                 볼트 자격 증명이 있으면 모든 백업을 삭제할 수 있습니다"
            ),
        ),
        Text::new(
            "set object lock with a default retention (S3) or an immutability policy (Azure) \
             for as long as backups shall be kept",
            "백업 보존 기간만큼 기본 보존이 있는 객체 잠금(S3)이나 불변성 정책(Azure)을 설정하세요",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn only_a_lock_nobody_can_lift_and_that_has_not_ended_is_well() {
        let now: Timestamp = "2026-11-20T00:00:00Z".parse().expect("a time");
        let later = now + SignedDuration::from_hours(1);
        let severity = |found| judge("s".into(), "k", found, now).severity;
        let kept = |until, liftable| severity(Immutability::Until { until, liftable });
        assert_eq!(kept(Some(later), false), Severity::Ok);
        assert_eq!(kept(Some(later), true), Severity::Warning);
        assert_eq!(kept(Some(now), false), Severity::Warning, "it has ended");
        assert_eq!(kept(None, true), Severity::Warning, "a hold can be lifted");
        assert_eq!(severity(Immutability::No), Severity::Warning);
    }
}
