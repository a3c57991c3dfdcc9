//! What reports are put together from: the plan, the history, the vault's
//! records, files with measured drills.

use crate::cli::PlanArgs;
use crate::client::Client;
use crate::drills;
use crate::error::{CliError, CliResult, Exit};
use crate::verb::read_plan;
use planb_assess::documents::{Known, Run, Verification, all_runs};
use planb_connector_system::{SystemClock, SystemDisk, SystemRandom};
use planb_model::plan::{ServicePlan, VaultAddress};
use planb_model::recovery::{Record, RecordKind, SignatureState};
use planb_model::status::{ExecutionStatus, ServiceStatus};
use planb_model::{Lang, Text};
use planb_ports::PortResult;
use planb_server::{STATE_FILE, offline, wiring};
use planb_vault::VaultOptions;
use planb_vault::drill::Findings;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Longest look at a vault: a report that waits for a lost site is of no use.
const VAULT_SECS_MAX: u64 = 20;

/// The service a report is about.
pub fn plan(args: &PlanArgs, service: Option<&str>, lang: Lang) -> CliResult<ServicePlan> {
    let plans = read_plan(args, lang)?;
    let names: Vec<String> = plans.iter().map(|p| p.name.to_string()).collect();
    let names = names.join(", ");
    let wanted = |plan: &ServicePlan| service.is_none_or(|name| plan.name.as_str() == name);
    let mut found: Vec<ServicePlan> = plans.into_iter().filter(wanted).collect();
    match (found.pop(), found.is_empty()) {
        (Some(plan), true) => Ok(plan),
        _ => Err(CliError::new(
            Exit::Usage,
            "PB-REPORT-SERVICE",
            "say which service of the plan the report is about",
            "보고서를 만들 서비스를 지정하세요",
        )
        .hint(format!("one of: {names}"), format!("다음 중 하나: {names}"))),
    }
}

/// Measured runs of the service: its history, and files given besides, each once.
pub async fn runs(
    args: &PlanArgs,
    plan: &ServicePlan,
    given: &[PathBuf],
    lang: Lang,
) -> CliResult<Vec<Run>> {
    let drills = drills::of_service(given, Some(plan))?;
    let mut all = history(args, plan, lang).await?;
    all.retain(|status| status.execution.runbook.service == plan.name);
    Ok(all_runs(&all, drills))
}

async fn history(
    args: &PlanArgs,
    plan: &ServicePlan,
    lang: Lang,
) -> CliResult<Vec<ExecutionStatus>> {
    if let Some(client) = Client::find(&args.state).await? {
        return client.history().await;
    }
    if !args.state.join(STATE_FILE).exists() {
        let path = args.state.display();
        let none = Text::new(
            format!("no state in {path}: the report knows of no execution"),
            format!("{path}에 상태가 없어 실행 기록 없이 보고서를 만듭니다"),
        );
        crate::output::note(none.get(lang));
        return Ok(Vec::new());
    }
    Ok(offline::history(&args.state, std::slice::from_ref(plan)).await?)
}

/// How the service is now, from the running control plane.
pub async fn status(state: &Path, plan: &ServicePlan) -> Known<ServiceStatus> {
    let away = || {
        Text::new(
            "no control plane runs on this state",
            "이 상태에서 실행 중인 컨트롤 플레인이 없음",
        )
    };
    let failed = |error: CliError| error.message;
    let client = Client::find(state)
        .await
        .map_err(failed)?
        .ok_or_else(away)?;
    let all = client.statuses().await.map_err(failed)?;
    all.into_iter()
        .find(|s| s.service == plan.name)
        .ok_or_else(away)
}

/// The verification records of the service's vault.
pub async fn verifications(plan: &ServicePlan) -> Known<Vec<Verification>> {
    let longest = Duration::from_secs(VAULT_SECS_MAX);
    match tokio::time::timeout(longest, records(plan)).await {
        Ok(Ok(records)) => Ok(records.iter().map(verification).collect()),
        Ok(Err(error)) => Err(Text::new(
            format!("the vault could not be read ({})", error.chain()),
            format!("볼트를 읽지 못함({})", error.chain()),
        )),
        Err(_) => Err(Text::new(
            format!("the vault did not answer within {VAULT_SECS_MAX} s"),
            format!("볼트가 {VAULT_SECS_MAX}초 안에 응답하지 않음"),
        )),
    }
}

async fn records(plan: &ServicePlan) -> PortResult<Vec<Record>> {
    let parts = wiring::VaultParts {
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
        disk: Arc::new(SystemDisk),
    };
    // Nothing is written.
    let vault = VaultAddress {
        signing_key: None,
        ..plan.data.vault.clone()
    };
    let options = VaultOptions::default();
    let repository = wiring::open_vault(&vault, plan.name.clone(), options, parts).await?;
    repository.records(RecordKind::Verification).await
}

/// A record of a newer program may say more, or other things.
fn verification(record: &Record) -> Verification {
    let found: Option<Findings> = serde_json::from_value(record.body.clone()).ok();
    let found = found.as_ref();
    Verification {
        snapshot: record.snapshot.clone(),
        at: record.written_at,
        passed: record.passed,
        seconds: found.map(|f| f.seconds).filter(|s| s.is_finite()),
        rows: found.map(|f| f.rows_seen()),
        not_checked: found.map(|f| f.not_checked.clone()).unwrap_or_default(),
        signed: record.signature == SignatureState::Valid,
    }
}

/// The two-language page with Korean shown first: paper has no links to choose by.
pub fn korean_first(html: &str) -> String {
    const SWITCH: &str = "</style>";
    const KOREAN: &str = ".ko{display:inline}.en{display:none}</style>";
    html.replacen(SWITCH, KOREAN, 1)
        .replacen("<html lang=\"en\">", "<html lang=\"ko\">", 1)
}
