//! `planb stream`: keeps a database protected until it is told to stop.
//!
//! On SIGTERM or Ctrl-C it goes on until everything that was committed before
//! is in the vault, which a canary written after the signal proves; a second
//! signal, or a few seconds without it, ends it at once.

mod watch;

use crate::cli::StreamArgs;
use crate::data::{self, OpenVault};
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use crate::progress::Shown;
use planb_connector_system::SystemDisk;
use planb_model::{Epoch, Lang, Text};
use planb_ports::repository::ProtectControl;
use planb_ports::{ErrorKind, Repository};
use planb_vault::{SpoolOptions, VaultOptions};
use std::sync::Arc;
use std::time::Duration;
use watch::Watch;

/// How long the rest of the log may take after the signal.
const STOP_SECS_MAX: u64 = 5;
/// Time between two looks at what is shown, in milliseconds.
const SHOW_MS: u64 = 250;

pub async fn run(args: StreamArgs, lang: Lang) -> CliResult<Exit> {
    let every = data::duration(&args.every)?;
    let options = VaultOptions {
        flush_bytes: data::size(&args.flush_bytes)?,
        flush_interval: data::duration(&args.flush_interval)?,
        snapshot_interval: data::duration(&args.snapshot_interval)?,
        snapshot: data::snapshot_options(args.snapshot, &args.database),
        ..VaultOptions::default()
    };
    let mut vault = data::open_vault(&args.vault, options).await?;
    if let Some(directory) = &args.spool {
        let spool = SpoolOptions {
            bytes_max: data::size(&args.spool_max)?,
            ..SpoolOptions::new(directory)
        };
        let repository = vault.repository.with_spool(Arc::new(SystemDisk), spool);
        // Of an earlier run: it is in the vault even when its database is lost.
        repository.ship_spooled().await?;
        vault.repository = repository;
    }
    let source = data::open_database(&args.database, &args.access).await?;
    // A vault is claimed for a database that is there: a typing error must not
    // keep the right one out.
    source.database.ping().await?;
    let epoch = claim(&vault, &source.name, args.take_over).await?;
    let shown = Shown::new(lang, false);
    let watch = Arc::new(Watch::new(Arc::clone(&vault.clock), lang, args.json, shown));
    watch.began(&source.name, epoch);
    let control: Arc<dyn ProtectControl> = Arc::clone(&watch) as Arc<dyn ProtectControl>;
    let ended = tokio::select! {
        ended = vault.repository.protect(source.database, epoch, control) => ended,
        () = show(&watch, every) => Ok(()),
        () = end(&watch) => Ok(()),
    };
    watch.ended();
    match ended {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(super::hint_for_vault(error.into())),
    }
}

/// The epoch this stream writes under: the newest one when it is its own, the
/// first one of a new vault, or with `take_over` a newer one that ends the others.
async fn claim(vault: &OpenVault, claimant: &str, take_over: bool) -> CliResult<Epoch> {
    let site = data::site()?;
    let repository = &vault.repository;
    let newest = repository.newest_epoch().await?.unwrap_or(Epoch::FIRST);
    let claimed = repository.claim_epoch(newest, claimant, &site).await;
    let error = match claimed {
        Ok(()) => return Ok(newest),
        Err(error) => error,
    };
    if error.kind() != ErrorKind::Conflict {
        return Err(error.into());
    }
    if !take_over {
        return Err(CliError::from(error).hint(
            "another database or a control plane writes there; use another --service, or --take-over to end its log and begin anew",
            "다른 데이터베이스 또는 컨트롤 플레인이 기록 중입니다. 다른 --service를 쓰거나, --take-over로 그 로그를 끝내고 새로 시작하세요",
        ));
    }
    let epoch = newest.next();
    repository.claim_epoch(epoch, claimant, &site).await?;
    repository.close_log(epoch).await?;
    Ok(epoch)
}

/// Shows how it stands, for as long as it runs.
async fn show(watch: &Watch, every: Duration) {
    let mut last = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(SHOW_MS)).await;
        watch.live();
        if last.elapsed() >= every {
            last = tokio::time::Instant::now();
            watch.status();
        }
    }
}

/// Returns when the stream has to be broken off.
async fn end(watch: &Watch) {
    super::stopped().await;
    watch.stop();
    let text = Text::new(
        "stopping: shipping what was committed before",
        "중지하는 중: 이미 커밋된 내용을 전송합니다",
    );
    output::note(text.get(watch.lang()));
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(STOP_SECS_MAX)) => {}
        () = super::stopped() => {}
    }
}
