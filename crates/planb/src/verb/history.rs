//! `planb history`: past executions, from the running control plane or, when
//! none runs, from the state on disk.

use super::{execution_id, read_plan};
use crate::cli::HistoryArgs;
use crate::client::Client;
use crate::error::{CliResult, Exit};
use crate::explain;
use crate::output;
use planb_model::execution::{JournalEntry, StepOutcome};
use planb_model::status::{ExecutionHistory, ExecutionStatus};
use planb_model::{ExecutionId, Lang};
use planb_server::{offline, page};

pub async fn run(args: HistoryArgs, lang: Lang) -> CliResult<Exit> {
    let client = Client::find(&args.plan.state).await?;
    match args.id.as_deref().map(execution_id).transpose()? {
        Some(id) => {
            let history = one(&args, client, &id).await?;
            if args.json {
                output::json(&history)?;
            } else {
                show_line(&history.status, lang);
                show_journal(&history, lang);
            }
        }
        None => {
            let all = newest(&args, client, lang).await?;
            if args.json {
                output::json(&all)?;
            } else {
                all.iter().for_each(|status| show_line(status, lang));
            }
        }
    }
    Ok(Exit::Done)
}

async fn one(
    args: &HistoryArgs,
    client: Option<Client>,
    id: &ExecutionId,
) -> CliResult<ExecutionHistory> {
    match client {
        Some(client) => client.execution(id).await,
        None => Ok(offline::execution(&args.plan.state, id).await?),
    }
}

async fn newest(
    args: &HistoryArgs,
    client: Option<Client>,
    lang: Lang,
) -> CliResult<Vec<ExecutionStatus>> {
    match client {
        Some(client) => client.history().await,
        None => {
            let plans = read_plan(&args.plan, lang)?;
            Ok(offline::history(&args.plan.state, &plans).await?)
        }
    }
}

fn show_line(status: &ExecutionStatus, lang: Lang) {
    let execution = &status.execution;
    output::data(&format!(
        "{}  {}  {} {} -> {}  {}",
        execution.opened_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        execution.id,
        execution.runbook.kind,
        execution.runbook.from,
        execution.runbook.to,
        page::execution_state(status.state).get(lang),
    ));
}

/// Code of what went wrong, if the entry tells of a failure.
fn failure_code(entry: &JournalEntry) -> Option<&str> {
    match entry {
        JournalEntry::Outcome {
            outcome: StepOutcome::Failed { code, .. } | StepOutcome::Unknown { code, .. },
            ..
        } => Some(code),
        _ => None,
    }
}

fn show_journal(history: &ExecutionHistory, lang: Lang) {
    for record in &history.journal {
        let meaning = failure_code(&record.entry).and_then(|code| explain::code(code, lang));
        let entry = serde_json::to_string(&record.entry).unwrap_or_default();
        output::data(&format!(
            "  {:>4}  {}  {entry}",
            record.seq,
            record.at.strftime("%H:%M:%S%.3fZ")
        ));
        if let (Lang::Ko, Some(meaning)) = (lang, meaning) {
            output::data(&format!("        {meaning}"));
        }
    }
}
