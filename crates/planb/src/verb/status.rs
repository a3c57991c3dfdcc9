//! `planb status`: how services are, and how much would be lost now.

use crate::cli::StatusArgs;
use crate::client::Client;
use crate::error::{CliResult, Exit};
use crate::explain;
use crate::output;
use indicatif::HumanBytes;
use planb_model::status::{ServiceStatus, SpoolStatus, VerificationStatus};
use planb_model::{Lang, Text};
use planb_server::page;
use std::time::Duration;

/// Time between two looks of `--watch`, in seconds.
const WATCH_INTERVAL_SECS: u64 = 1;

pub async fn run(args: StatusArgs, lang: Lang) -> CliResult<Exit> {
    let client = Client::need(&args.plan.state).await?;
    loop {
        let statuses = client.statuses().await?;
        if args.json {
            output::json(&statuses)?;
        } else {
            for status in &statuses {
                show(status, lang);
            }
        }
        if !args.watch {
            return Ok(Exit::Done);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(WATCH_INTERVAL_SECS)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

fn show(status: &ServiceStatus, lang: Lang) {
    let health = page::verdict(status.health.verdict).1;
    let protection = page::protection(&status.protection).1;
    let rpo = status
        .protection
        .rpo_secs
        .map_or_else(|| "–".to_owned(), |secs| output::seconds(secs, lang));
    let objective = output::seconds(status.objective_rpo_secs, lang);
    let line = Text::new(
        format!(
            "{}: at {} (epoch {}), {}, {}, would lose {rpo} (objective {objective})",
            status.service, status.active, status.epoch, health.en, protection.en,
        ),
        format!(
            "{}: {} 사이트 (에포크 {}), {}, {}, 현재 손실 예상 {rpo} (목표 {objective})",
            status.service, status.active, status.epoch, health.ko, protection.ko,
        ),
    );
    output::data(line.get(lang));
    if let Some(spool) = &status.protection.spool {
        output::data(waiting(spool, lang).get(lang));
    }
    let protection = &status.protection;
    for error in protection.error.iter().chain(&protection.vault_error) {
        output::data(&format!("  ! {}", explain::text(error, lang)));
    }
    show_drill(&status.verification, lang);
    if let Some(execution) = &status.execution {
        let runbook = &execution.execution.runbook;
        output::data(&format!(
            "  {} {} -> {} [{}] {}",
            runbook.kind,
            runbook.from,
            runbook.to,
            execution.execution.id,
            page::execution_state(execution.state).get(lang),
        ));
        for step in &runbook.steps {
            if let Some(seen) = execution.steps.get(&step.id) {
                let state = page::step_state(seen.state).1;
                let error = seen.error.as_deref().map_or_else(String::new, |error| {
                    explain::with_code(seen.code.as_deref(), error, lang)
                });
                output::data(&format!("    {:<24} {} {error}", step.id, state.get(lang)));
            }
        }
        if execution.approved_by.is_none() {
            let how = Text::new("approve with", "승인 명령");
            let hash = execution.execution.hash.short();
            output::data(&format!(
                "  {}: planb approve {} --hash {hash}",
                how.get(lang),
                execution.execution.id
            ));
        }
    }
}

/// The newest drill, and what it has to complain about.
fn show_drill(drills: &VerificationStatus, lang: Lang) {
    let verification = page::verification(drills).1;
    let drill = Text::new("last drill", "최근 복원 훈련");
    output::data(&format!(
        "  {}: {}",
        drill.get(lang),
        verification.get(lang)
    ));
    if let Some(last) = &drills.last {
        for problem in &last.problems {
            output::data(&format!("  ! {}", explain::text(problem, lang)));
        }
        for suspicion in &last.suspicions {
            output::data(&format!("  ! {}", suspicion.get(lang)));
        }
    }
    if let Some(error) = &drills.error {
        output::data(&format!("  ! {}", explain::text(error, lang)));
    }
}

/// How much log waits on the local disk.
fn waiting(spool: &SpoolStatus, lang: Lang) -> Text {
    let size = HumanBytes(spool.bytes);
    let age = output::seconds(spool.age_secs, lang);
    Text::new(
        format!("  spool: {size} of log wait on the local disk, the oldest for {age}"),
        format!("  스풀: 로그 {size}가 로컬 디스크에서 대기 중, 가장 오래된 것은 {age} 경과"),
    )
}
