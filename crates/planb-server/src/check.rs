//! The live part of `planb check`: looks at everything a plan names, and
//! changes nothing.

mod lock;

use crate::wiring;
use planb_connector_probe::HttpProbe;
use planb_connector_system::{SystemClock, SystemDisk, SystemRandom};
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_model::plan::{ServicePlan, Site};
use planb_ports::database::DatabaseRole;
use planb_ports::{Clock, Disk, PortError, Probe};
use planb_vault::VaultOptions;
use std::path::Path;
use std::sync::Arc;

/// Free space below which journals are in danger, in bytes.
const STATE_FREE_BYTES_MIN: u64 = 100 << 20;

/// Checks everything `plan` names.
pub async fn live(plan: &ServicePlan, state: &Path) -> Vec<Finding> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let disk = SystemDisk;
    let mut findings = vec![check_space(state, &disk).await];
    for (site, role) in [
        (&plan.primary, DatabaseRole::Source),
        (&plan.standby, DatabaseRole::Target),
    ] {
        findings.extend(check_database(plan, site, role, Arc::clone(&clock), &disk).await);
    }
    findings.push(check_health(plan).await);
    findings.extend(check_vault(plan, clock).await);
    findings
}

async fn check_space(state: &Path, disk: &dyn Disk) -> Finding {
    let subject = format!("state {}", state.display());
    let nearest = state.ancestors().find(|p| p.exists()).unwrap_or(state);
    match disk.free_bytes(nearest).await {
        Ok(free) if free >= STATE_FREE_BYTES_MIN => Finding::ok(
            "PB-CHECK-SPACE",
            subject,
            Text::new(
                format!("{} MiB free", free >> 20),
                format!("여유 공간 {} MiB", free >> 20),
            ),
        ),
        Ok(free) => Finding::failed(
            "PB-CHECK-SPACE",
            Severity::Error,
            subject,
            Text::new(
                format!(
                    "only {} MiB free; a full disk stops the journal",
                    free >> 20
                ),
                format!(
                    "여유 공간이 {} MiB뿐입니다. 디스크가 가득 차면 저널을 기록할 수 없습니다",
                    free >> 20
                ),
            ),
            Text::new("free at least 100 MiB", "100 MiB 이상 확보하세요"),
        ),
        Err(error) => not_known("PB-CHECK-SPACE", subject, &error),
    }
}

async fn check_database(
    plan: &ServicePlan,
    site: &Site,
    role: DatabaseRole,
    clock: Arc<dyn Clock>,
    disk: &dyn Disk,
) -> Vec<Finding> {
    let subject = format!("{} {}: database", plan.name, site.name);
    match wiring::connect_database(&site.database, clock, disk).await {
        Ok(database) => {
            let mut findings = database.check(role).await;
            for finding in &mut findings {
                finding.subject = format!("{subject}: {}", finding.subject);
            }
            findings
        }
        Err(error) => vec![failed(subject, &error)],
    }
}

async fn check_health(plan: &ServicePlan) -> Finding {
    let site = &plan.primary;
    let subject = format!("{} {}: health {}", plan.name, site.name, site.health_url);
    let looked = match HttpProbe::new(&site.health_url, plan.health.timeout) {
        Ok(probe) => probe.look().await,
        Err(error) => Err(error),
    };
    match looked {
        Ok(_) => Finding::ok(
            "PB-CHECK-HEALTH",
            subject,
            Text::new("answers well", "정상 응답"),
        ),
        Err(error) => Finding::failed(
            "PB-CHECK-HEALTH",
            Severity::Warning,
            subject,
            Text::new(
                format!("does not answer well: {}", error.chain()),
                format!("정상 응답이 아닙니다: {}", error.chain()),
            ),
            Text::new(
                "start the service (a managed one is started by `planb up`), or mend the health URL",
                "서비스를 시작하거나(관리형은 `planb up`이 시작) 상태 확인 URL을 수정하세요",
            ),
        ),
    }
}

async fn check_vault(plan: &ServicePlan, clock: Arc<dyn Clock>) -> Vec<Finding> {
    let vault = &plan.data.vault;
    let subject = format!("{}: vault {}", plan.name, vault.url);
    let now = clock.now();
    let parts = wiring::VaultParts {
        clock,
        random: Arc::new(SystemRandom),
        disk: Arc::new(SystemDisk),
    };
    let options = VaultOptions::default();
    // Reads the keys and sees whether they fit together.
    if let Err(error) = wiring::open_vault(vault, plan.name.clone(), options, parts).await {
        return vec![failed(subject, &error)];
    }
    let storage = match wiring::connect_storage(vault, &SystemDisk).await {
        Ok(storage) => storage,
        Err(error) => return vec![failed(subject, &error)],
    };
    match storage.list(&format!("{}/epoch/", plan.name), None).await {
        Ok(objects) => {
            let listed = Text::new(
                format!("can be listed, {} epoch(s) claimed", objects.len()),
                format!("목록 조회 가능, 선점된 에포크 {}개", objects.len()),
            );
            vec![
                Finding::ok("PB-CHECK-VAULT", subject, listed),
                lock::check(plan, storage.as_ref(), now).await,
            ]
        }
        Err(error) => vec![failed(subject, &error)],
    }
}

fn failed(subject: String, error: &PortError) -> Finding {
    let fix = error.hint_text().cloned().unwrap_or_else(|| {
        Text::new(
            "see the page of this code in docs/errors",
            "docs/errors에서 이 코드의 설명을 확인하세요",
        )
    });
    Finding::failed(
        error.code(),
        Severity::Error,
        subject,
        Text::new(error.chain(), error.chain()),
        fix,
    )
}

fn not_known(code: &str, subject: String, error: &PortError) -> Finding {
    let mut finding = failed(subject, error);
    finding.code = code.to_owned();
    finding.severity = Severity::Unknown;
    finding
}
