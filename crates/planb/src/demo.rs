//! `planb demo`: the main job, for real, on one machine.
//!
//! Two sites on loopback, a web service with a real database, a load generator
//! with its own ledger, a vault, the embedded edge, and the control plane of
//! `planb up`. The active site is killed; what comes back, how fast, and what
//! was lost is measured from outside and compared with the ledger.

pub mod service;

mod console;
mod ledger;
mod load;
mod plan_file;
mod result;
mod script;
mod site;
mod watch;

use crate::cli::{DemoArgs, DemoVault};
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use crate::verb::stopped;
use console::Console;
use planb_launch::LaunchError;
use planb_launch::azurite::{Azurite, AzuriteOptions};
use planb_model::drill::DrillResult;
use planb_model::{Lang, Text};
use planb_server::report;
use site::DemoSite;
use std::path::{Path, PathBuf};
use watch::Stopwatch;

/// Name of the site that is killed.
pub const PRIMARY: &str = "seoul";
/// Name of the site that takes over.
pub const STANDBY: &str = "busan";
/// Name of the service.
pub const SERVICE: &str = "orders";
/// Container of the vault in Azurite.
const CONTAINER: &str = "planb-demo";

/// Everything that is started for the demo and stopped after it.
pub struct Stage {
    dir: PathBuf,
    primary: DemoSite,
    standby: DemoSite,
    azurite: Option<Azurite>,
}

/// Runs the demo. Ctrl-C or SIGTERM at any time stops everything it started.
pub async fn run(args: DemoArgs, lang: Lang) -> CliResult<Exit> {
    let watch = Stopwatch::start();
    let console = Console::new(lang, watch);
    let dir = working_directory(&args)?;
    let stage = Box::pin(until_interrupted(prepare(&args, &dir, &console))).await?;
    let keep = args.keep;
    let json = args.json;
    let (stage, outcome) = Box::pin(play(stage, args, watch, &console)).await;
    console.finish();
    let ended = match &outcome {
        Ok(result) => show_and_stay(result, &stage, json, keep, lang).await,
        Err(_) => Ok(()),
    };
    stage.clear_away();
    ended?;
    let result = outcome?;
    let good = result.verified && result.failback.lost == 0;
    Ok(if good { Exit::Done } else { Exit::Failed })
}

/// Shows the result; with `keep`, leaves everything running after it.
async fn show_and_stay(
    result: &DrillResult,
    stage: &Stage,
    json: bool,
    keep: bool,
    lang: Lang,
) -> CliResult<()> {
    if json {
        output::json(result)?;
    } else {
        result::show(result, lang);
    }
    if keep {
        stay(stage, lang).await;
    }
    Ok(())
}

async fn play(
    mut stage: Stage,
    args: DemoArgs,
    watch: Stopwatch,
    console: &Console,
) -> (Stage, CliResult<DrillResult>) {
    let script = Box::pin(script::run(&mut stage, &args, watch, console));
    let outcome = Box::pin(until_interrupted(script)).await;
    let outcome = outcome.and_then(|mut result| {
        let path = stage.dir.join("report.html");
        result.report = path.display().to_string();
        std::fs::write(&path, report::render(&result))
            .map_err(|e| CliError::io("write the report", "보고서를 쓰기를", e))?;
        Ok(result)
    });
    (stage, outcome)
}

async fn until_interrupted<T>(work: impl Future<Output = CliResult<T>>) -> CliResult<T> {
    tokio::select! {
        outcome = work => outcome,
        () = stopped() => Err(CliError::new(
            Exit::Interrupted,
            "PB-CLI-INTERRUPTED",
            "interrupted; everything the demo started is being stopped",
            "중단되었습니다. 데모가 시작한 모든 프로세스를 정지합니다",
        )),
    }
}

/// Where the demo keeps its files: a directory nobody else uses.
fn working_directory(args: &DemoArgs) -> CliResult<PathBuf> {
    let failed = |e| CliError::io("make a working directory", "작업 디렉터리를 만들기를", e);
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir).map_err(failed)?;
        let mut entries = std::fs::read_dir(dir).map_err(failed)?;
        if entries.next().is_some() {
            return Err(CliError::new(
                Exit::Failed,
                "PB-DEMO-DIR",
                format!("{} is not empty; nothing was done", dir.display()),
                format!(
                    "{} 디렉터리가 비어 있지 않아 아무 작업도 하지 않았습니다",
                    dir.display()
                ),
            ));
        }
        return std::path::absolute(dir).map_err(failed);
    }
    tempfile::Builder::new()
        .prefix("planb-demo-")
        .disable_cleanup(true)
        .tempdir()
        .map(|dir| dir.path().to_owned())
        .map_err(failed)
}

async fn prepare(args: &DemoArgs, dir: &Path, console: &Console) -> CliResult<Stage> {
    console.line(
        &format!("working in {}", dir.display()),
        &format!("작업 디렉터리: {}", dir.display()),
    );
    let azurite = match args.vault {
        DemoVault::Local => None,
        DemoVault::Azurite => {
            console.live("starting Azurite", "Azurite 시작 중");
            let options = AzuriteOptions {
                dir: dir.join("azurite"),
            };
            let azurite = Azurite::start(options).await.map_err(launch_failed)?;
            azurite
                .create_container(CONTAINER)
                .await
                .map_err(launch_failed)?;
            Some(azurite)
        }
    };
    console.live("building two sites", "두 사이트 구성 중");
    let primary = DemoSite::prepare(PRIMARY, dir, args.database).await?;
    let standby = DemoSite::prepare(STANDBY, dir, args.database).await?;
    Ok(Stage {
        dir: dir.to_owned(),
        primary,
        standby,
        azurite,
    })
}

/// Leaves everything running until Ctrl-C.
async fn stay(stage: &Stage, lang: Lang) {
    let text = Text::new(
        format!(
            "everything keeps running until Ctrl-C; plan file: {}",
            stage.plan_path().display()
        ),
        format!(
            "Ctrl-C를 누를 때까지 계속 실행됩니다. 계획 파일: {}",
            stage.plan_path().display()
        ),
    );
    output::note(text.get(lang));
    stopped().await;
}

impl Stage {
    /// The plan file of the demo; `planb status -f` and the others read it.
    fn plan_path(&self) -> PathBuf {
        self.dir.join("planb.yaml")
    }

    fn state_path(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Stops what runs and deletes what is large; the report and the plan stay.
    fn clear_away(mut self) {
        self.primary.stop_all(&self.dir.join("state"));
        self.standby.stop_all(&self.dir.join("state"));
        drop(self.azurite.take());
        for name in ["azurite", "vault", PRIMARY, STANDBY] {
            let path = self.dir.join(name);
            if let Err(error) = std::fs::remove_dir_all(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(%error, path = %path.display(), "cannot clear away");
            }
        }
    }
}

/// Shows what went wrong with a server of the demo.
pub fn launch_failed(error: LaunchError) -> CliError {
    let text = match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let mut shown = CliError::new(Exit::Failed, error.code(), text.clone(), text);
    shown.hint = error.hint().cloned().map(Box::new);
    shown
}
