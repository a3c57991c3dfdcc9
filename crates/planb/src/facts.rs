//! Gathers evidence for `assess compliance` and `report evidence`: the plan
//! file, the store, the audit log, the vault, drill reports, documents. What
//! cannot be looked at is said on stderr and counts as missing.

use crate::cli::{PlanArgs, SourceArgs};
use crate::drills;
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use crate::verb::read_plan;
use planb_assess::facts::{Audit, Facts};
use planb_audit::{Log, PublicKey};
use planb_connector_system::{SystemClock, SystemDisk, SystemRandom};
use planb_model::plan::ServicePlan;
use planb_model::recovery::RecordKind;
use planb_model::status::ExecutionHistory;
use planb_model::{Lang, Text};
use planb_ports::{Disk, ErrorKind, PortResult};
use planb_server::audit::{CHECKPOINT_FILE, PUBLIC_KEY_FILE, read_public};
use planb_server::{offline, wiring};
use planb_vault::VaultOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Documents may have this many bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What was found.
pub struct Found {
    /// What is judged.
    pub facts: Facts,
    /// Executions of the service with their journals, newest first.
    pub histories: Vec<ExecutionHistory>,
    /// The audit log and its key, when it was verified.
    pub log: Option<(Log, PublicKey)>,
}

/// Looks everywhere. `given` are drill reports, `files` documents, each with its
/// path.
pub async fn gather(
    sources: &SourceArgs,
    given: &[PathBuf],
    files: &[(String, PathBuf)],
    lang: Lang,
) -> CliResult<Found> {
    let plan = plan(sources, lang)?;
    let mut facts = Facts::none(jiff::Timestamp::now());
    facts.drills = drills::of_service(given, plan.as_ref())?;
    for (name, path) in files {
        match read(path) {
            Ok(bytes) => {
                let hash = planb_audit::tree::sha256_hex(&bytes);
                facts.files.insert(name.clone(), hash);
            }
            Err(error) => unseen(&path.display().to_string(), &error.to_string(), lang),
        }
    }
    let mut found = Found {
        facts,
        histories: Vec::new(),
        log: None,
    };
    look_at_log(sources, &mut found, lang).await;
    if let Some(plan) = plan {
        look_at_journals(sources, &plan, &mut found, lang).await;
        if !sources.no_vault
            && let Err(error) = look_at_vault(sources, &plan, &mut found.facts).await
        {
            unseen("vault", &error.chain(), lang);
        }
        found.facts.plan = Some(plan);
    }
    Ok(found)
}

/// Says that something could not be looked at.
fn unseen(what: &str, why: &str, lang: Lang) {
    let text = Text::new(
        format!("not looked at: {what}: {why}"),
        format!("확인하지 못함: {what}: {why}"),
    );
    output::note(text.get(lang));
}

fn plan(sources: &SourceArgs, lang: Lang) -> CliResult<Option<ServicePlan>> {
    let Some(file) = &sources.plan else {
        return Ok(None);
    };
    let args = PlanArgs {
        file: file.clone(),
        state: sources.state.clone(),
    };
    let mut plans = read_plan(&args, lang)?;
    let names: Vec<String> = plans.iter().map(|plan| plan.name.to_string()).collect();
    let at = match &sources.service {
        Some(name) => names.iter().position(|known| known == name),
        None if plans.len() == 1 => Some(0),
        None => None,
    };
    let at = at.ok_or_else(|| {
        let names = names.join(", ");
        CliError::new(
            Exit::Usage,
            "PB-EVIDENCE-SERVICE",
            "one service has to be named",
            "서비스 하나를 지정해야 합니다",
        )
        .hint(
            format!("name one with --service: {names}"),
            format!("--service로 하나를 지정하세요: {names}"),
        )
    })?;
    Ok(Some(plans.swap_remove(at)))
}

async fn look_at_log(sources: &SourceArgs, found: &mut Found, lang: Lang) {
    let own = sources.state.join(PUBLIC_KEY_FILE);
    let key = sources.audit_key.as_deref().unwrap_or(&own);
    let key = match read_public(key, &SystemDisk).await {
        Ok(key) => key,
        Err(error) => return unseen("audit log", &error.chain(), lang),
    };
    let kept = SystemDisk.read(&sources.state.join(CHECKPOINT_FILE)).await;
    let kept = kept
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match offline::verify_audit(&sources.state, key, kept).await {
        Ok((log, verified)) => {
            found.facts.audit = Audit::Whole {
                log: verified.newest.origin,
                entries: verified.newest.size,
                newest_at: verified.newest.time,
            };
            found.log = Some((log, key));
        }
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            found.facts.audit = Audit::Broken {
                why: error.to_string(),
            };
        }
        Err(error) => unseen("audit log", &error.chain(), lang),
    }
}

async fn look_at_journals(sources: &SourceArgs, plan: &ServicePlan, found: &mut Found, lang: Lang) {
    let listed = offline::history(&sources.state, std::slice::from_ref(plan)).await;
    let statuses = match listed {
        Ok(statuses) => statuses,
        Err(error) => return unseen("journal", &error.to_string(), lang),
    };
    for status in &statuses {
        match offline::execution(&sources.state, &status.execution.id).await {
            Ok(history) => found.histories.push(history),
            Err(error) => return unseen("journal", &error.to_string(), lang),
        }
    }
    found.facts.executions = Some(statuses);
}

async fn look_at_vault(
    sources: &SourceArgs,
    plan: &ServicePlan,
    facts: &mut Facts,
) -> PortResult<()> {
    let parts = wiring::VaultParts {
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
        disk: Arc::new(SystemDisk),
    };
    let mut address = plan.data.vault.clone();
    // Nothing is written.
    address.signing_key = None;
    let trusted = sources.trusted_signers.iter().cloned();
    address.trusted_signers.extend(trusted);
    let options = VaultOptions::default();
    let vault = wiring::open_vault(&address, plan.name.clone(), options, parts).await?;
    facts.points = Some(vault.points().await?);
    facts.records = Some(vault.records(RecordKind::Verification).await?);
    Ok(())
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let why = format!("larger than {FILE_BYTES_MAX} bytes");
        return Err(std::io::Error::other(why));
    }
    Ok(bytes)
}
