//! The verbs, one file each.

mod approve;
#[cfg(feature = "assess")]
pub mod assess;
mod audit;
mod backup;
mod check;
#[cfg(feature = "assess")]
mod document;
mod edge;
mod execution;
mod follow;
mod history;
mod init;
mod method;
mod moves;
mod points;
mod prune;
#[cfg(feature = "assess")]
mod report;
mod restore;
mod status;
mod stream;
mod up;
mod verify;

pub use up::stopped;

use crate::cli::{Cli, PlanArgs, Verb};
use crate::error::{CliError, CliResult, Exit};
use crate::{demo, output};
use planb_model::plan::{self, ServicePlan};
use planb_model::runbook::RunbookKind;
use planb_model::{ExecutionId, Lang};

/// Runs what was asked for.
pub async fn run(cli: Cli, lang: Lang) -> CliResult<Exit> {
    planb_server::install_crypto();
    match cli.verb {
        Verb::Demo(args) => Box::pin(demo::run(args, lang)).await,
        Verb::Init(args) => init::run(&args, lang),
        Verb::Check(args) => check::run(args, lang).await,
        Verb::Up(args) => Box::pin(up::run(args, lang)).await,
        Verb::Status(args) => status::run(args, lang).await,
        Verb::Failover(args) => moves::run(args, RunbookKind::Failover, lang).await,
        Verb::Switchover(args) => moves::run(args, RunbookKind::Switchover, lang).await,
        Verb::Failback(args) => moves::run(args, RunbookKind::Failback, lang).await,
        Verb::Approve(args) => approve::run(args, lang).await,
        Verb::Execution(args) => execution::run(args, lang).await,
        Verb::History(args) => history::run(args, lang).await,
        Verb::Audit(args) => audit::run(args, lang).await,
        Verb::Backup(args) => Box::pin(backup::run(args, lang)).await,
        Verb::Stream(args) => Box::pin(stream::run(args, lang)).await,
        Verb::Restore(args) => Box::pin(restore::run(args, lang)).await,
        #[cfg(feature = "assess")]
        Verb::Assess(args) => Box::pin(assess::run(&args, lang)).await,
        #[cfg(feature = "assess")]
        Verb::Report(args) => Box::pin(report::run(args, lang)).await,
        Verb::Points(args) => Box::pin(points::run(args, lang)).await,
        Verb::Verify(args) => Box::pin(verify::run(args, lang)).await,
        Verb::Prune(args) => Box::pin(prune::run(args, lang)).await,
        Verb::Follow(args) => Box::pin(follow::run(args, lang)).await,
        Verb::Schema => schema(),
        Verb::Edge(args) => edge::run(args, lang).await,
        Verb::DemoService(args) => demo::service::run(args).await,
    }
}

fn schema() -> CliResult<Exit> {
    let text = serde_json::to_string_pretty(&plan::schema())
        .map_err(|e| CliError::io("write JSON", "JSON을 출력", e))?;
    output::data(&text);
    Ok(Exit::Done)
}

/// Reads the plan file; every problem in it is shown.
pub fn read_plan(args: &PlanArgs, lang: Lang) -> CliResult<Vec<ServicePlan>> {
    let text = std::fs::read_to_string(&args.file).map_err(|error| {
        let file = args.file.display();
        CliError::new(
            Exit::PlanInvalid,
            "PB-PLAN-UNREADABLE",
            format!("cannot read the plan file {file}: {error}"),
            format!("계획 파일 {file}을(를) 읽을 수 없습니다: {error}"),
        )
        .hint(
            "write one with `planb init`, or name it with -f",
            "`planb init`으로 만들거나 -f로 지정하세요",
        )
    })?;
    plan::parse(&text, &args.file.display().to_string()).map_err(|errors| {
        output::note(&errors.render(lang));
        CliError::new(
            Exit::PlanInvalid,
            "PB-PLAN-INVALID",
            format!("{} has errors; nothing was done", args.file.display()),
            format!(
                "{}에 오류가 있어 아무 작업도 하지 않았습니다",
                args.file.display()
            ),
        )
    })
}

/// Who is at the keyboard, for journals.
fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| format!("uid {}", nix::unistd::getuid()));
    match nix::unistd::gethostname() {
        Ok(host) => format!("{user}@{}", host.to_string_lossy()),
        Err(_) => user,
    }
}

/// Reads an execution id from the command line.
fn execution_id(text: &str) -> CliResult<ExecutionId> {
    ExecutionId::new(text).map_err(|error| {
        CliError::new(
            Exit::Failed,
            "PB-EXECUTION-ID",
            format!("'{text}' is not an execution: {error}"),
            format!("'{text}'은(는) 실행 ID가 아닙니다: {error}"),
        )
        .hint(
            "`planb history` lists them",
            "`planb history`로 목록을 볼 수 있습니다",
        )
    })
}

/// What to do about an error of a vault that was named on the command line, in
/// words that fit it: hints of the vault speak of plans.
fn hint_for_vault(error: CliError) -> CliError {
    match error.code.as_str() {
        "PB-REPO-EMPTY" => error.hint(
            "check --vault and --service; `planb backup` or `planb stream` puts the first snapshot there",
            "--vault와 --service를 확인하세요. `planb backup` 또는 `planb stream`이 첫 스냅샷을 만듭니다",
        ),
        "PB-REPO-NO-IDENTITY" => error.hint(
            "give the file with the age identity: --identity FILE",
            "age 개인 키(identity) 파일을 지정하세요: --identity FILE",
        ),
        "PB-REPO-CLAIMED" => error.hint(
            "another database or a control plane writes to this service of the vault; use another --service",
            "다른 데이터베이스 또는 컨트롤 플레인이 볼트의 이 서비스에 기록하고 있습니다. 다른 --service를 사용하세요",
        ),
        _ => error,
    }
}
