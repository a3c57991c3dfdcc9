//! What is allowed in a plan and still wants a second look.

use super::{DatabaseAddress, FailoverMode, Observer, ServicePlan, Workload};
use crate::Text;
use crate::finding::{Finding, Severity};
use std::collections::BTreeSet;
use std::time::Duration;

/// Snapshots further apart than this make a restore mostly log.
const SNAPSHOT_INTERVAL_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Warnings about a valid plan: what works, but is weaker than it should be.
pub fn review(plan: &ServicePlan) -> Vec<Finding> {
    let mut findings = Vec::new();
    vault(plan, &mut findings);
    detection(plan, &mut findings);
    for site in plan.sites() {
        let subject = format!("{}: sites.{}", plan.name, site.name);
        if let DatabaseAddress::Server {
            host, tls_ca: None, ..
        } = &site.database
            && !is_loopback(host)
        {
            findings.push(warning(
                "PB-PLAN-REVIEW-TLS",
                &subject,
                Text::new(
                    format!("the connection to the database at {host} is not encrypted"),
                    format!("{host} 데이터베이스 연결이 암호화되지 않습니다"),
                ),
                Text::new("give `tls: { ca: … }`", "`tls: { ca: … }`를 지정하세요"),
            ));
        }
        if let Workload::Observed { fence: None, .. } = &site.workload {
            findings.push(warning(
                "PB-PLAN-REVIEW-FENCE",
                &subject,
                Text::new(
                    "without a fence hook PlanB cannot make certain that a silent site takes no writes, so a failover away from it needs an approved override",
                    "fence 훅이 없으면 응답하지 않는 사이트의 쓰기를 확실히 막을 수 없어, 페일오버 시 예외 승인이 필요합니다",
                ),
                Text::new(
                    "give `workload.observe.hooks.fence`, a command that cuts the site off (power, network)",
                    "사이트를 차단하는 명령(전원, 네트워크)을 `workload.observe.hooks.fence`에 지정하세요",
                ),
            ));
        }
    }
    findings
}

fn vault(plan: &ServicePlan, findings: &mut Vec<Finding>) {
    let subject = format!("{}: data.vault", plan.name);
    if plan.data.vault.recipients.is_empty() {
        findings.push(warning(
            "PB-PLAN-REVIEW-ENCRYPTION",
            &subject,
            Text::new(
                "the vault is not encrypted: whoever can read it can read the data",
                "볼트가 암호화되지 않아, 볼트를 읽을 수 있으면 데이터도 읽을 수 있습니다",
            ),
            Text::new(
                "make a key with `age-keygen` and give `data.vault.encryption`",
                "`age-keygen`으로 키를 만들어 `data.vault.encryption`에 지정하세요",
            ),
        ));
    }
    if plan.data.vault.trusted_signers.is_empty() {
        findings.push(warning(
            "PB-PLAN-REVIEW-SIGNATURE",
            &subject,
            Text::new(
                "nothing in the vault is signed: whoever can write to it decides what is restored",
                "볼트에 서명이 없어, 볼트에 쓸 수 있으면 복원될 내용을 바꿀 수 있습니다",
            ),
            Text::new(
                "make a key with `openssl genpkey -algorithm ed25519` and give `data.vault.signing`",
                "`openssl genpkey -algorithm ed25519`로 키를 만들어 `data.vault.signing`에 지정하세요",
            ),
        ));
    }
    if plan.data.snapshot_interval > SNAPSHOT_INTERVAL_MAX {
        findings.push(warning(
            "PB-PLAN-REVIEW-SNAPSHOT",
            &subject,
            Text::new(
                "snapshots are more than 7 days apart: a restore has that much log to apply",
                "스냅샷 간격이 7일을 넘어 복원 시 적용할 로그가 많아집니다",
            ),
            Text::new(
                "shorten `data.snapshotInterval`",
                "`data.snapshotInterval`을 줄이세요",
            ),
        ));
    }
}

fn detection(plan: &ServicePlan, findings: &mut Vec<Finding>) {
    let subject = format!("{}: health", plan.name);
    let observers = plan.health.observers.len();
    let quorum = usize::try_from(plan.health.promote_quorum).unwrap_or(usize::MAX);
    if quorum.saturating_mul(2) <= observers || observers < 3 {
        findings.push(warning(
            "PB-PLAN-REVIEW-QUORUM",
            &subject,
            Text::new(
                format!("{quorum} of {observers} observers may promote: a few with a bad uplink are enough to move the service"),
                format!("관측자 {observers}개 중 {quorum}개의 판단만으로 승격되므로, 일부 회선 장애로도 서비스가 옮겨질 수 있습니다"),
            ),
            Text::new(
                "have at least 3 observers and let more than half of them agree",
                "관측자를 3개 이상 두고 과반이 동의하도록 설정하세요",
            ),
        ));
    }
    let canaries: BTreeSet<&str> = plan
        .health
        .observers
        .iter()
        .filter_map(|o: &Observer| o.canary.as_deref())
        .collect();
    if plan.failover.mode == FailoverMode::Automatic && canaries.is_empty() {
        findings.push(warning(
            "PB-PLAN-REVIEW-CANARY",
            &subject,
            Text::new(
                "automatic failover with observers that judge their own uplink by the vault alone",
                "자동 페일오버를 쓰면서 관측자 자체 회선을 볼트로만 판단합니다",
            ),
            Text::new(
                "give observers a `canary` of their own, best at different places",
                "관측자마다 서로 다른 위치의 `canary`를 지정하세요",
            ),
        ));
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn warning(code: &str, subject: &str, reason: Text, fix: Text) -> Finding {
    Finding::failed(code, Severity::Warning, subject, reason, fix)
}
