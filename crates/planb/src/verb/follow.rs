//! `planb follow`: a warm standby. Applies what comes into the vault, and
//! takes writes when it is told to.
//!
//! A promotion claims the next epoch and ends the log of the older ones first,
//! so that the old source can never again ship what the new one does not have;
//! then it applies the rest of the log, which is whole now, and opens the copy.
//! SIGUSR1 asks for it, or `planb follow … --promote` from another terminal.

mod pace;
mod turn;
mod watch;

use crate::cli::FollowArgs;
use crate::data::{self, OpenDatabase, OpenVault};
use crate::error::{CliError, CliResult, Exit};
use pace::Pace;
use planb_model::{Epoch, Lang};
use planb_ports::{Database, ErrorKind, PortError, PortResult, Repository, RestoreOptions, Retry};
use planb_vault::VaultOptions;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use turn::{Turn, ask_running};
use watch::Watch;

/// Pause between two looks at a promotion by another process, in milliseconds.
const PAUSE_MS: u64 = 200;
/// Pause after a failure that may pass, in milliseconds.
const RETRY_MS: u64 = 2_000;
/// How long another process may take for the promotion it was asked for.
const PROMOTION_SECS_MAX: u64 = 60;

/// A standby and what it follows.
struct Standby {
    vault: OpenVault,
    target: OpenDatabase,
    watch: Watch,
}

pub async fn run(args: FollowArgs, lang: Lang) -> CliResult<Exit> {
    let every = data::duration(&args.every)?;
    let target = data::open_database(&args.to, &args.access).await?;
    let vault = data::open_vault(&args.vault, VaultOptions::default()).await?;
    let turn = Turn::take(&target.name, &vault.service)?;
    let watch = Watch::new(std::sync::Arc::clone(&vault.clock), lang, args.json, every);
    let standby = Standby {
        vault,
        target,
        watch,
    };
    let turn = match turn {
        Ok(turn) => turn,
        Err(running) if args.promote => {
            ask_running(running)?;
            return standby.wait_for_promotion().await;
        }
        Err(running) => return Err(already(running)),
    };
    let ended = tokio::select! {
        ended = standby.follow(&args) => ended,
        () = super::stopped() => Ok(Exit::Done),
    };
    drop(turn);
    standby.watch.ended();
    ended
}

impl Standby {
    async fn follow(&self, args: &FollowArgs) -> CliResult<Exit> {
        let mut asked = signal(SignalKind::user_defined1())
            .map_err(|e| CliError::io("listen for SIGUSR1", "SIGUSR1을 수신", e))?;
        self.prepare(args.replace).await?;
        self.watch.began(&self.target.name);
        let mut promote = args.promote;
        let mut pace = Pace::default();
        loop {
            let applied = self.apply().await;
            let pause = match applied {
                Ok(_) if promote => return self.promote().await,
                Ok(segments) => pace.after(segments),
                Err(error) if may_pass(&error) => {
                    self.watch.failed(&error);
                    RETRY_MS
                }
                Err(error) => return Err(refused(error)),
            };
            tokio::select! {
                _ = asked.recv() => promote = true,
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            }
        }
    }

    /// Refuses a target that takes writes, unless it may be replaced.
    async fn prepare(&self, replace: bool) -> CliResult<()> {
        let epoch = self.newest_epoch().await?;
        if replace {
            let database = &self.target.database;
            return Ok(database.fence(&self.vault.service, epoch).await?);
        }
        super::restore::refuse_live(&self.vault, &self.target).await
    }

    async fn newest_epoch(&self) -> CliResult<Epoch> {
        let newest = self.vault.repository.newest_epoch().await?;
        Ok(newest.unwrap_or(Epoch::FIRST))
    }

    /// Applies what is new; how many segments that was.
    async fn apply(&self) -> PortResult<u64> {
        let repository = &self.vault.repository;
        let report = repository.follow(self.database(), &self.watch).await?;
        self.watch.applied(&report);
        Ok(report.segments_applied)
    }

    fn database(&self) -> &dyn Database {
        &*self.target.database
    }

    /// Ends the source's log, applies what is left of it, and takes writes.
    async fn promote(&self) -> CliResult<Exit> {
        let (repository, service) = (&self.vault.repository, &self.vault.service);
        let asked = self.vault.clock.monotonic();
        let epoch = self.newest_epoch().await?.next();
        let site = data::site()?;
        repository
            .claim_epoch(epoch, &self.target.name, &site)
            .await?;
        repository.close_log(epoch).await?;
        let options = RestoreOptions::default();
        let report = repository
            .restore(self.database(), &options, &self.watch)
            .await
            .map_err(refused)?;
        self.watch.applied(&report);
        if !report.chain_closed {
            return Err(not_whole());
        }
        self.database().promote(service, epoch).await?;
        // A promotion that cannot be seen is none.
        let state = self.database().fence_state(service).await?;
        if state.epoch != Some(epoch) || state.read_only {
            return Err(not_whole());
        }
        let took = self.vault.clock.monotonic().saturating_sub(asked);
        self.watch.promoted(epoch, &report, took);
        Ok(Exit::Done)
    }

    /// Waits until the process that was asked has promoted.
    async fn wait_for_promotion(&self) -> CliResult<Exit> {
        let before = self.newest_epoch().await?;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(PROMOTION_SECS_MAX);
        loop {
            let state = self.database().fence_state(&self.vault.service).await?;
            if !state.read_only && state.epoch.is_some_and(|epoch| epoch >= before) {
                self.watch.promoted_elsewhere(state.epoch);
                return Ok(Exit::Done);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(CliError::new(
                    Exit::Failed,
                    "PB-FOLLOW-NOT-PROMOTED",
                    format!("the running follow did not promote within {PROMOTION_SECS_MAX} s"),
                    format!("실행 중인 follow가 {PROMOTION_SECS_MAX}초 안에 승격하지 못했습니다"),
                )
                .hint(
                    "its own output says why; whether it will is not known",
                    "원인은 해당 프로세스의 출력에 있습니다. 이후 승격될지는 알 수 없습니다",
                ));
            }
            tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        }
    }
}

/// Whether waiting may help: the vault or the target is away, or there is no
/// snapshot yet.
fn may_pass(error: &PortError) -> bool {
    error.retry() != Retry::No || error.kind() == ErrorKind::NotFound
}

fn refused(error: PortError) -> CliError {
    super::restore::not_empty(error)
}

fn not_whole() -> CliError {
    CliError::new(
        Exit::Failed,
        "PB-FOLLOW-NOT-PROMOTED",
        "the promotion could not be seen to be whole",
        "승격이 완전히 끝났음을 확인하지 못했습니다",
    )
    .hint(
        "run the same command with --promote again: it goes on where this ended",
        "같은 명령을 --promote로 다시 실행하세요. 중단된 곳에서 이어집니다",
    )
}

fn already(pid: u32) -> CliError {
    CliError::new(
        Exit::StateLocked,
        "PB-FOLLOW-RUNNING",
        format!("process {pid} follows with this target already"),
        format!("프로세스 {pid}이(가) 이미 이 대상으로 follow를 실행 중입니다"),
    )
    .hint(
        "--promote asks it to promote",
        "--promote로 그 프로세스에 승격을 요청할 수 있습니다",
    )
}
