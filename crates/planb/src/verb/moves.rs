//! `planb failover`, `switchover` and `failback`: show the runbook, have it
//! approved by its hash, and follow it to its end.

use super::{read_plan, who};
use crate::cli::MoveArgs;
use crate::client::Client;
use crate::error::{CliError, CliResult, Exit};
use crate::explain;
use crate::output;
use planb_model::execution::{ExecutionState, StepState};
use planb_model::runbook::{RunbookHash, RunbookKind};
use planb_model::status::ExecutionHistory;
use planb_model::{ExecutionId, Lang, ServiceName, StepId, Text};
use planb_server::api::types::{Planned, StartRequest};
use planb_server::page;
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::time::Duration;

/// Time between two looks at the execution, in milliseconds.
const FOLLOW_INTERVAL_MS: u64 = 200;

/// Digits of a hash that are enough to approve; the control plane checks again.
const HASH_DIGITS_MIN: usize = 12;

pub async fn run(args: MoveArgs, kind: RunbookKind, lang: Lang) -> CliResult<Exit> {
    let client = Client::need(&args.plan.state).await?;
    let service = choose_service(&args, lang)?;
    let mut request = StartRequest {
        kind,
        override_fence: args.override_fence.clone(),
        approve: None,
        who: Some(who()),
    };
    let planned = client.plan(&service, &request).await?;
    if args.dry_run {
        if args.json {
            output::json(&planned)?;
        } else {
            show_runbook(&planned, lang, output::data);
        }
        return Ok(Exit::Done);
    }
    request.approve = Some(approval(&args, &planned, lang)?);
    let opened = client.start(&service, &request).await?;
    let history = follow(&client, &opened.id, lang).await?;
    if args.json {
        output::json(&history)?;
    }
    Ok(ending(&history, lang))
}

fn choose_service(args: &MoveArgs, lang: Lang) -> CliResult<ServiceName> {
    if let Some(name) = &args.service {
        return ServiceName::new(name.as_str()).map_err(|error| {
            CliError::new(
                Exit::Failed,
                "PB-SERVICE-NAME",
                format!("'{name}' is not a service: {error}"),
                format!("'{name}'은(는) 서비스 이름이 아닙니다: {error}"),
            )
        });
    }
    let plans = read_plan(&args.plan, lang)?;
    match plans.as_slice() {
        [only] => Ok(only.name.clone()),
        _ => Err(CliError::new(
            Exit::Failed,
            "PB-SERVICE-NAME",
            "the plan has several services; say which one",
            "계획 파일에 서비스가 여러 개 있습니다. 서비스를 지정하세요",
        )),
    }
}

/// Shows a runbook line by line: to stdout when it is what was asked for, to
/// stderr when it only precedes an approval.
fn show_runbook(planned: &Planned, lang: Lang, show: fn(&str)) {
    let runbook = &planned.runbook;
    let title = Text::new(
        format!(
            "{} of {} from {} to {}, epoch {} -> {}",
            runbook.kind,
            runbook.service,
            runbook.from,
            runbook.to,
            runbook.based_on,
            runbook.epoch
        ),
        format!(
            "{} 서비스 {}: {}에서 {}(으)로, 에포크 {} -> {}",
            runbook.service,
            runbook.kind,
            runbook.from,
            runbook.to,
            runbook.based_on,
            runbook.epoch
        ),
    );
    show(title.get(lang));
    if let Some(reason) = &runbook.fence_override {
        let warning = Text::new(
            format!("WARNING: the old site is NOT proven fenced: {reason}"),
            format!("경고: 이전 사이트의 펜싱이 확인되지 않았습니다: {reason}"),
        );
        show(warning.get(lang));
    }
    for step in &runbook.steps {
        let needs: Vec<&str> = step.needs.iter().map(StepId::as_str).collect();
        let after = Text::new("after", "선행");
        let needs = if needs.is_empty() {
            String::new()
        } else {
            format!("  ({} {})", after.get(lang), needs.join(", "))
        };
        show(&format!("  {:<24}{needs}", step.id));
    }
    show(&format!("hash {}", planned.hash.0));
}

/// The hash that is approved: by `--approve`, by `--yes`, or by a person who saw it.
fn approval(args: &MoveArgs, planned: &Planned, lang: Lang) -> CliResult<RunbookHash> {
    if let Some(given) = &args.approve {
        let fits = given.len() >= HASH_DIGITS_MIN && planned.hash.0.starts_with(given.as_str());
        return if fits {
            Ok(planned.hash.clone())
        } else {
            Err(CliError::new(
                Exit::Failed,
                "PB-ENGINE-WRONG-HASH",
                format!(
                    "the approval is for runbook {given}, but this one is {}",
                    planned.hash.short()
                ),
                format!(
                    "승인한 런북은 {given}이지만 실행할 런북은 {}입니다",
                    planned.hash.short()
                ),
            )
            .hint(
                "look at it again with --dry-run",
                "--dry-run으로 다시 확인하세요",
            ))
        };
    }
    show_runbook(planned, lang, output::note);
    if args.yes {
        return Ok(planned.hash.clone());
    }
    if !std::io::stdin().is_terminal() {
        return Err(not_approved());
    }
    let question = Text::new(
        format!("Type {} to approve:", planned.hash.short()),
        format!("승인하려면 {}을(를) 입력하세요:", planned.hash.short()),
    );
    output::note(question.get(lang));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim() == planned.hash.short() {
        Ok(planned.hash.clone())
    } else {
        Err(not_approved())
    }
}

fn not_approved() -> CliError {
    CliError::new(
        Exit::NeedsOperator,
        "PB-CLI-NOT-APPROVED",
        "the runbook was not approved; nothing was done",
        "런북이 승인되지 않아 아무 작업도 하지 않았습니다",
    )
    .hint(
        "approve it with --approve HASH (from --dry-run) or --yes",
        "--approve HASH(--dry-run 출력) 또는 --yes로 승인하세요",
    )
}

/// Tells every change of a step until the execution ends or waits for somebody.
async fn follow(client: &Client, id: &ExecutionId, lang: Lang) -> CliResult<ExecutionHistory> {
    let mut told: BTreeMap<StepId, StepState> = BTreeMap::new();
    loop {
        let history = client.execution(id).await?;
        for (step, seen) in &history.status.steps {
            if seen.state != StepState::NotStarted && told.get(step) != Some(&seen.state) {
                let error = seen.error.as_deref().map_or_else(String::new, |error| {
                    explain::with_code(seen.code.as_deref(), error, lang)
                });
                let state = page::step_state(seen.state).1;
                output::note(&format!("  {step:<24} {} {error}", state.get(lang)));
                told.insert(step.clone(), seen.state);
            }
        }
        let state = history.status.state;
        let waits = matches!(
            state,
            ExecutionState::PausedByFailedStep | ExecutionState::PausedByOperator
        );
        if state.is_final() || waits {
            return Ok(history);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(FOLLOW_INTERVAL_MS)) => {}
            _ = tokio::signal::ctrl_c() => return Err(left(id)),
        }
    }
}

fn left(id: &ExecutionId) -> CliError {
    CliError::new(
        Exit::Interrupted,
        "PB-CLI-LEFT",
        format!("execution {id} goes on in the control plane"),
        format!("실행 {id}은(는) 컨트롤 플레인에서 계속됩니다"),
    )
    .hint(
        "follow it with `planb status -w`, or stop it with `planb execution ID pause`",
        "`planb status -w`로 확인하거나 `planb execution ID pause`로 멈추세요",
    )
}

fn ending(history: &ExecutionHistory, lang: Lang) -> Exit {
    let id = &history.status.execution.id;
    let state = history.status.state;
    let shown = page::execution_state(state);
    output::note(&format!("{id}: {}", shown.get(lang)));
    match state {
        ExecutionState::Completed => Exit::Done,
        ExecutionState::PausedByFailedStep | ExecutionState::PausedByOperator => {
            let next = Text::new(
                format!("mend the cause, then `planb execution {id} resume`"),
                format!("원인을 해결한 뒤 `planb execution {id} resume`을 실행하세요"),
            );
            output::note(next.get(lang));
            Exit::NeedsOperator
        }
        _ => Exit::Failed,
    }
}
