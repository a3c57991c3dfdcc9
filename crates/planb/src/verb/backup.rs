//! `planb backup`: one snapshot, beside a stream that may be running.

use crate::cli::BackupArgs;
use crate::data;
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use crate::progress::Shown;
use crate::verb::method::Taken;
use indicatif::HumanBytes;
use planb_model::recovery::PART_ACCOUNTS;
use planb_model::{Lang, Text};
use planb_vault::{Backup, VaultOptions};

pub async fn run(args: BackupArgs, lang: Lang) -> CliResult<Exit> {
    let source = data::open_database(&args.database, &args.access).await?;
    // A vault is claimed for a database that is there: a typing error must not
    // keep the right one out.
    source.database.ping().await?;
    let vault = data::open_vault(&args.vault, VaultOptions::default()).await?;
    let site = data::site()?;
    let options = data::snapshot_options(args.snapshot, &args.database);
    let progress = Shown::new(lang, false);
    let started = vault.clock.monotonic();
    let taken = tokio::select! {
        taken = vault.repository.backup(&*source.database, &source.name, &site, &options, &progress) => taken,
        () = super::stopped() => return Err(interrupted()),
    };
    progress.end();
    let backup = taken.map_err(|error| super::hint_for_vault(error.into()))?;
    let took = vault
        .clock
        .monotonic()
        .saturating_sub(started)
        .as_secs_f64();
    if args.json {
        output::json(&report(&backup, took))?;
    } else {
        show(&backup, took, lang);
    }
    Ok(Exit::Done)
}

fn interrupted() -> CliError {
    CliError::new(
        Exit::Interrupted,
        "PB-CLI-STOPPED",
        "interrupted; the vault is as it was before",
        "중단되었습니다. 볼트는 이전 상태 그대로입니다",
    )
}

fn rows(backup: &Backup) -> u64 {
    backup.manifest.tables.iter().map(|t| t.rows).sum()
}

fn raw_bytes(backup: &Backup) -> u64 {
    backup.manifest.parts.iter().map(|p| p.raw_bytes).sum()
}

/// What is in it.
fn contents(backup: &Backup) -> Text {
    if backup.manifest.has_files() {
        return Text::new("the server's files", "서버 파일 전체");
    }
    let (tables, rows) = (backup.manifest.tables.len(), rows(backup));
    Text::new(
        format!("{tables} tables, {rows} rows"),
        format!("테이블 {tables}개, {rows}행"),
    )
}

fn report(backup: &Backup, took: f64) -> serde_json::Value {
    let manifest = &backup.manifest;
    let method = Taken::new(manifest.has_files(), backup.why.clone());
    serde_json::json!({
        "snapshot": manifest.id,
        "service": manifest.service,
        "epoch": manifest.epoch,
        "engine": manifest.engine,
        "serverVersion": manifest.server_version,
        "takenAt": manifest.taken_at,
        "position": manifest.position,
        "nextSegment": manifest.next_segment,
        "tables": manifest.tables.len(),
        "rows": rows(backup),
        "parts": manifest.parts.len(),
        "files": backup.manifest.has_files(),
        "method": method.name(),
        "methodReason": method.why,
        "rawBytes": raw_bytes(backup),
        "storedBytes": backup.stored_bytes,
        "users": manifest.parts.iter().any(|p| p.spec.kind == PART_ACCOUNTS),
        "encrypted": manifest.encrypted,
        "gapFrom": backup.gap_from,
        "clockBehind": backup.clock_behind,
        "seconds": took,
    })
}

fn show(backup: &Backup, took: f64, lang: Lang) {
    let manifest = &backup.manifest;
    let contents = contents(backup);
    let (raw, stored) = (
        HumanBytes(raw_bytes(backup)),
        HumanBytes(backup.stored_bytes),
    );
    let seconds = output::seconds(took, lang);
    let line = Text::new(
        format!(
            "snapshot {} at {}: {}, {raw} as {stored}, {seconds}",
            manifest.id, manifest.position, contents.en,
        ),
        format!(
            "스냅샷 {} 위치 {}: {}, {raw} -> {stored}, {seconds}",
            manifest.id, manifest.position, contents.ko,
        ),
    );
    output::data(line.get(lang));
    let method = Taken::new(manifest.has_files(), backup.why.clone());
    if let Some(text) = method.text() {
        output::note(text.get(lang));
    }
    if let Some(at) = backup.clock_behind {
        let warning = Text::new(
            format!(
                "! the vault's newest snapshot is of {at}, which is yet to come: the clock here or there is or was wrong. \
                 This one counts as newer; `planb prune` deletes nothing until then"
            ),
            format!(
                "! 볼트의 최신 스냅샷 시각 {at}이(가) 아직 오지 않은 시각입니다. 이 시스템이나 그 스냅샷을 만든 시스템의 시계가 잘못되었거나 잘못된 적이 있습니다. \
                 이번 스냅샷을 더 새로운 것으로 취급하며, 그때까지 `planb prune`은 아무것도 삭제하지 않습니다"
            ),
        );
        output::note(warning.get(lang));
    }
    if let Some(from) = &backup.gap_from {
        let warning = Text::new(
            format!(
                "nobody ships log: between {from} and this snapshot no other point can be restored; `planb stream` closes such gaps"
            ),
            format!(
                "로그를 전송하는 stream이 없습니다. {from}부터 이 스냅샷 사이의 시점은 복구할 수 없습니다. `planb stream`을 실행하면 이런 공백이 생기지 않습니다"
            ),
        );
        output::note(warning.get(lang));
    }
}
