//! `planb verify`: drills snapshots and signs what was found.

use crate::cli::VerifyArgs;
use crate::data::{self, OpenVault};
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use crate::progress::Shown;
use planb_connector_system::SystemDisk;
use planb_launch::scratch::sweep;
use planb_model::recovery::SnapshotPoint;
use planb_model::{Lang, Text};
use planb_server::drills::Scratch;
use planb_vault::VaultOptions;
use planb_vault::drill::{Drill, Findings};
use std::sync::Arc;

/// Where a scratch server is asked for.
const SCRATCH: &str = "scratch";

pub async fn run(args: VerifyArgs, lang: Lang) -> CliResult<Exit> {
    let vault = data::open_vault(&args.vault, VaultOptions::default()).await?;
    let points = vault.repository.points().await?;
    let chosen = choose(&args, &points)?;
    sweep();
    let progress = Shown::new(lang, false);
    let mut all = Vec::new();
    for point in chosen {
        // Dropping the drill ends its server and removes its directory.
        let found = tokio::select! {
            found = drill(&args, &vault, point, &points, &progress) => found?,
            () = super::stopped() => return Err(interrupted()),
        };
        progress.end();
        if !args.json {
            show(point, &found, lang);
        }
        all.push(serde_json::json!({
            "snapshot": point.id,
            "findings": found,
            "suspicions": found.log.suspicions,
        }));
        if !found.passed {
            tracing::warn!(snapshot = point.id, "a drill failed");
        }
    }
    // As a history reads.
    all.reverse();
    let passed = all.iter().all(|one| one["findings"]["passed"] == true);
    if args.json {
        output::json(&all)?;
    }
    Ok(if passed {
        Exit::Done
    } else {
        Exit::CheckFailed
    })
}

async fn drill(
    args: &VerifyArgs,
    vault: &OpenVault,
    point: &SnapshotPoint,
    points: &[SnapshotPoint],
    progress: &Shown,
) -> CliResult<Findings> {
    let drill = Drill {
        repository: &vault.repository,
        clock: vault.clock.as_ref(),
        point,
        points,
        progress,
    };
    if args.drill != SCRATCH {
        let target = data::open_database(&args.drill, &args.access).await?;
        return Ok(Box::pin(drill.run(target.database, &target.name)).await?);
    }
    let manifest = vault.repository.manifest(&point.id).await;
    let manifest = manifest.map_err(|error| super::hint_for_vault(error.into()))?;
    let clock = Arc::clone(&vault.clock);
    let scratch = Scratch::start(&manifest, &args.drill_user, clock, &SystemDisk).await?;
    let database = Arc::clone(&scratch.database);
    Ok(Box::pin(drill.run(database, &scratch.name)).await?)
}

/// The snapshots that are drilled, newest first: where a manifest has files, a
/// drill compares with the rows the newer one has seen.
fn choose<'a>(args: &VerifyArgs, points: &'a [SnapshotPoint]) -> CliResult<Vec<&'a SnapshotPoint>> {
    if points.is_empty() {
        return Err(super::hint_for_vault(CliError::new(
            Exit::Failed,
            "PB-REPO-EMPTY",
            "the vault has no snapshot of this service yet",
            "볼트에 아직 이 서비스의 스냅샷이 없습니다",
        )));
    }
    if args.all {
        let unverified = points.iter().filter(|p| p.verified.is_none());
        return Ok(unverified.collect());
    }
    match &args.snapshot {
        None => Ok(points.first().into_iter().collect()),
        Some(id) => match points.iter().find(|p| &p.id == id) {
            Some(point) => Ok(vec![point]),
            None => Err(CliError::new(
                Exit::Failed,
                "PB-REPO-NO-SNAPSHOT",
                format!("the vault has no snapshot {id}"),
                format!("볼트에 스냅샷 {id}이(가) 없습니다"),
            )
            .hint(
                "`planb points` lists them",
                "`planb points`로 목록을 볼 수 있습니다",
            )),
        },
    }
}

fn interrupted() -> CliError {
    CliError::new(
        Exit::Interrupted,
        "PB-CLI-STOPPED",
        "interrupted; nothing was recorded, and the scratch server is gone",
        "중단되었습니다. 기록한 것은 없으며 임시 서버는 제거되었습니다",
    )
}

fn show(point: &SnapshotPoint, found: &Findings, lang: Lang) {
    let time = output::seconds(found.seconds, lang);
    let head = if found.passed {
        Text::new(
            format!(
                "snapshot {} passed its drill in {} ({time})",
                point.id, found.restored_into
            ),
            format!(
                "스냅샷 {} 검증 통과: {} ({time})",
                point.id, found.restored_into
            ),
        )
    } else {
        Text::new(
            format!(
                "snapshot {} FAILED its drill in {} ({time})",
                point.id, found.restored_into
            ),
            format!(
                "스냅샷 {} 검증 실패: {} ({time})",
                point.id, found.restored_into
            ),
        )
    };
    output::data(head.get(lang));
    for line in lines(found) {
        output::data(&format!("  {}", line.get(lang)));
    }
}

/// What was compared with the manifest.
fn compared(found: &Findings) -> Text {
    let (tables, rows) = (found.digests.len(), found.rows_seen());
    if found.files {
        return Text::new(
            format!(
                "the files have the manifest's hashes; {tables} tables with {rows} rows hashed in the server made of them"
            ),
            format!(
                "파일이 매니페스트의 해시와 일치하며, 그 파일로 시작한 서버에서 테이블 {tables}개, {rows}행의 해시를 계산"
            ),
        );
    }
    let (tables, rows) = (found.tables_compared, found.rows_compared);
    Text::new(
        format!("{tables} tables and {rows} rows equal the manifest"),
        format!("테이블 {tables}개와 {rows}행이 매니페스트와 일치"),
    )
}

fn lines(found: &Findings) -> Vec<Text> {
    let mut lines = Vec::new();
    if found.tables_compared > 0 || !found.digests.is_empty() {
        lines.push(compared(found));
    }
    if let Some(position) = &found.log_applied_to {
        lines.push(Text::new(
            format!(
                "{} transactions of log applied, to {position}",
                found.transactions_applied
            ),
            format!(
                "로그의 트랜잭션 {}건을 {position}까지 적용",
                found.transactions_applied
            ),
        ));
    }
    if let Some(snapshot) = &found.equals_snapshot {
        lines.push(Text::new(
            format!("with the log between, every row equals snapshot {snapshot}"),
            format!("사이의 로그를 적용한 뒤 모든 행이 스냅샷 {snapshot}와 일치"),
        ));
    }
    if let Some(canary) = found.canary_written_at {
        lines.push(Text::new(
            format!("canary of {canary} seen"),
            format!("{canary}의 카나리 확인"),
        ));
    }
    if found.clean == Some(false) {
        lines.push(Text::new(
            "it looks tampered with; --clean would not take it",
            "변조가 의심됩니다. --clean은 이 시점을 쓰지 않습니다",
        ));
        let why = found.log.suspicions.iter();
        lines.extend(why.map(|s| Text::new(format!("! {}", s.en), format!("! {}", s.ko))));
    }
    let noted = found.noted.iter();
    lines.extend(noted.map(|what| Text::new(format!("noted: {what}"), format!("참고: {what}"))));
    let not = found.not_checked.iter();
    lines.extend(not.map(|what| {
        Text::new(
            format!("not checked: {what}"),
            format!("확인하지 못함: {what}"),
        )
    }));
    let problems = found.problems.iter();
    lines.extend(problems.map(|what| Text::new(format!("! {what}"), format!("! {what}"))));
    lines
}
