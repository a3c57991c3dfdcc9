//! `planb restore`: brings a database to a recovery point, and opens it.
//!
//! The target refuses to be emptied when it holds tables PlanB did not put
//! there, or takes writes since an earlier restore; `--replace` fences it first,
//! which is how it is told that it may. At the end it is promoted: it takes
//! writes, and no log will ever be applied on top of them.

mod at;
mod clean;
mod estimate;
mod plan;
mod users;

use crate::cli::RestoreArgs;
use crate::data::{self, OpenDatabase, OpenVault};
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use crate::progress::Shown;
use indicatif::HumanBytes;
use planb_model::recovery::Reached;
use planb_model::{Epoch, Lang, Text};
use planb_ports::repository::RestoreReport;
use planb_ports::{ErrorKind, PortError, Repository, RestoreOptions, RestoreTo};
use planb_vault::VaultOptions;

pub async fn run(args: RestoreArgs, lang: Lang) -> CliResult<Exit> {
    let asked = at::parse(&args.at)?;
    let target = data::open_database(&args.to, &args.access).await?;
    let vault = data::open_vault(&args.vault, VaultOptions::default()).await?;
    let to = if args.clean {
        clean::choose(&vault, lang).await?
    } else {
        asked
    };
    let options = RestoreOptions {
        to,
        verify: args.verify.into(),
        accounts: users::asked(&args),
    };
    if args.dry_run {
        return plan::show(&args, &vault, &target, &options, lang).await;
    }
    users::are_there(&vault, &target, &options).await?;
    let started = vault.clock.monotonic();
    let progress = Shown::new(lang, false);
    let restored = tokio::select! {
        restored = restore(&args, &vault, &target, &options, &progress) => restored?,
        () = super::stopped() => return Err(interrupted()),
    };
    progress.end();
    let took = vault
        .clock
        .monotonic()
        .saturating_sub(started)
        .as_secs_f64();
    if args.json {
        output::json(&report(&restored, took))?;
    } else {
        show(&restored, took, lang);
    }
    users::show(&restored, lang);
    users::verdict(&restored)
}

async fn restore(
    args: &RestoreArgs,
    vault: &OpenVault,
    target: &OpenDatabase,
    options: &RestoreOptions,
    progress: &Shown,
) -> CliResult<RestoreReport> {
    let repository = &vault.repository;
    let epoch = repository.newest_epoch().await?.unwrap_or(Epoch::FIRST);
    // Looked for before the target is touched.
    match repository.recovery_point().await {
        // The way to an earlier point may be whole; the restore will tell.
        Err(error) if error.kind() == ErrorKind::Corrupt && options.to != RestoreTo::Latest => {}
        Err(error) => return Err(super::hint_for_vault(error.into())),
        Ok(_) => {}
    }
    if args.replace {
        // What cannot be restored must not stop the target from taking writes.
        repository
            .plan_restore(&*target.database, options, progress)
            .await
            .map_err(not_empty)?;
        target.database.fence(&vault.service, epoch).await?;
    } else {
        refuse_live(vault, target).await?;
    }
    let report = repository
        .restore(&*target.database, options, progress)
        .await
        .map_err(not_empty)?;
    target.database.promote(&vault.service, epoch).await?;
    Ok(report)
}

/// A target that was opened takes writes: it is somebody's database now.
pub async fn refuse_live(vault: &OpenVault, target: &OpenDatabase) -> CliResult<()> {
    let state = match target.database.fence_state(&vault.service).await {
        Ok(state) => state,
        // There is no database yet, so nothing to lose.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if state.epoch.is_some() && !state.read_only {
        return Err(occupied(
            format!(
                "{} takes writes since it was restored or promoted",
                target.name
            ),
            format!(
                "{}은(는) 복원 또는 승격된 뒤 쓰기를 받고 있습니다",
                target.name
            ),
        ));
    }
    Ok(())
}

pub fn not_empty(error: PortError) -> CliError {
    if error.kind() == ErrorKind::Conflict {
        let text = error.chain();
        return occupied(text.clone(), text);
    }
    super::hint_for_vault(error.into())
}

fn occupied(en: String, ko: String) -> CliError {
    CliError::new(Exit::Failed, "PB-RESTORE-NOT-EMPTY", en, ko).hint(
        "nothing was changed; check that this is the right target, and use --replace if it may go",
        "아무것도 변경하지 않았습니다. 올바른 대상인지 확인하고, 지워도 된다면 --replace를 사용하세요",
    )
}

fn interrupted() -> CliError {
    CliError::new(
        Exit::Interrupted,
        "PB-CLI-STOPPED",
        "interrupted; the target was not opened, and the next restore starts clean",
        "중단되었습니다. 대상은 열리지 않았으며 다음 복원은 처음부터 다시 시작합니다",
    )
}

fn report(restored: &RestoreReport, took: f64) -> serde_json::Value {
    serde_json::json!({
        "snapshot": restored.mark.snapshot,
        "epoch": restored.mark.epoch,
        "position": restored.mark.position,
        "reached": restored.reached,
        "reachedAt": restored.reached_at,
        "loadedSnapshot": restored.loaded_snapshot,
        "tablesCompared": restored.tables_compared,
        "rowsCompared": restored.rows_compared,
        "segmentsApplied": restored.segments_applied,
        "transactionsApplied": restored.transactions_applied,
        "storedBytes": restored.stored_bytes,
        "canaryWrittenAt": restored.canary.map(|c| c.written_at),
        "users": restored.accounts.as_ref().map(users::json),
        "missingDefiners": restored.missing_definers,
        "brokenKeys": restored.broken_keys,
        "seconds": took,
    })
}

/// What to say when the asked point was not met exactly.
fn short_of(restored: &RestoreReport) -> Option<Text> {
    match restored.reached {
        Reached::Asked => None,
        Reached::LogEnds => Some(plan::log_ends()),
        Reached::WholeSegments => Some(Text::new(
            "this engine stops between segments of log only: it stands a little before the asked point",
            "이 엔진은 로그 세그먼트 경계에서만 멈출 수 있어, 요청한 시점보다 조금 앞선 상태입니다",
        )),
    }
}

fn show(restored: &RestoreReport, took: f64, lang: Lang) {
    let (bytes, time) = (
        HumanBytes(restored.stored_bytes),
        output::seconds(took, lang),
    );
    let position = &restored.mark.position;
    let text = Text::new(
        format!(
            "restored to {position} from snapshot {}: {} tables and {} rows compared, {} transactions of log in {} segments, {bytes}, {time}",
            restored.mark.snapshot,
            restored.tables_compared,
            restored.rows_compared,
            restored.transactions_applied,
            restored.segments_applied,
        ),
        format!(
            "스냅샷 {}에서 {position}까지 복원했습니다: 테이블 {}개와 {}행 비교, 로그 세그먼트 {}개의 트랜잭션 {}건, {bytes}, {time}",
            restored.mark.snapshot,
            restored.tables_compared,
            restored.rows_compared,
            restored.segments_applied,
            restored.transactions_applied,
        ),
    );
    output::data(text.get(lang));
    if let Some(canary) = restored.canary {
        let text = Text::new(
            format!("everything committed until {} is in it", canary.written_at),
            format!(
                "{}까지 커밋된 모든 내용이 포함되어 있습니다",
                canary.written_at
            ),
        );
        output::data(text.get(lang));
    }
    if let Some(text) = short_of(restored) {
        output::note(text.get(lang));
    }
    if restored.loaded_snapshot && restored.tables_compared == 0 {
        let text = Text::new(
            "nothing was compared with the manifest: what was loaded is unverified",
            "매니페스트와 비교하지 않았습니다. 적재한 내용은 검증되지 않은 상태입니다",
        );
        output::note(text.get(lang));
    }
}
