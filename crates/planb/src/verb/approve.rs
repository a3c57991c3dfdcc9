//! `planb approve`: lets a waiting execution begin.

use super::{execution_id, who};
use crate::cli::ApproveArgs;
use crate::client::Client;
use crate::error::{CliResult, Exit};
use crate::output;
use planb_model::runbook::RunbookHash;
use planb_model::{Lang, Text};
use planb_server::api::types::ExecutionChange;

pub async fn run(args: ApproveArgs, lang: Lang) -> CliResult<Exit> {
    let id = execution_id(&args.id)?;
    let client = Client::need(&args.plan.state).await?;
    let change = ExecutionChange::Approve {
        hash: RunbookHash(args.hash),
        who: who(),
    };
    client.change(&id, &change).await?;
    let done = Text::new(
        format!("{id} is approved; follow it with `planb status -w`"),
        format!("{id} 실행이 승인되었습니다. `planb status -w`로 진행을 확인하세요"),
    );
    output::note(done.get(lang));
    Ok(Exit::Done)
}
