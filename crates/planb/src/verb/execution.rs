//! `planb execution`: what an operator does to one that is under way.

use super::{execution_id, who};
use crate::cli::{ExecutionArgs, ExecutionVerb};
use crate::client::Client;
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_model::{Lang, StepId, Text};
use planb_server::api::types::ExecutionChange;

pub async fn run(args: ExecutionArgs, lang: Lang) -> CliResult<Exit> {
    let id = execution_id(&args.id)?;
    let who = who();
    let change = match args.action {
        ExecutionVerb::Resume => ExecutionChange::Resume { who },
        ExecutionVerb::Pause => ExecutionChange::Pause { who },
        ExecutionVerb::Cancel => ExecutionChange::Cancel { who },
        ExecutionVerb::Skip { step, reason } => ExecutionChange::Skip {
            step: step_id(&step)?,
            who,
            reason,
        },
    };
    let client = Client::need(&args.plan.state).await?;
    client.change(&id, &change).await?;
    let done = Text::new("recorded", "기록했습니다");
    output::note(done.get(lang));
    Ok(Exit::Done)
}

fn step_id(text: &str) -> CliResult<StepId> {
    StepId::new(text).map_err(|error| {
        CliError::new(
            Exit::Failed,
            "PB-STEP-ID",
            format!("'{text}' is not a step: {error}"),
            format!("'{text}'은(는) 단계 이름이 아닙니다: {error}"),
        )
    })
}
