//! What a restore would do.

use super::{at, occupied};
use crate::cli::RestoreArgs;
use crate::data::{OpenDatabase, OpenVault};
use crate::error::{CliResult, Exit};
use crate::output;
use indicatif::HumanBytes;
use planb_model::finding::Severity;
use planb_model::{Lang, Text};
use planb_ports::database::DatabaseRole;
use planb_ports::{Repository, RestoreTo};

/// Shows the newest recovery point and what stands in the target's way.
pub async fn show(
    args: &RestoreArgs,
    vault: &OpenVault,
    target: &OpenDatabase,
    lang: Lang,
) -> CliResult<Exit> {
    let to = at::parse(&args.at)?;
    let point = vault
        .repository
        .recovery_point()
        .await
        .map_err(|error| super::super::hint_for_vault(error.into()))?;
    let findings = target.database.check(DatabaseRole::Target).await;
    let refused = findings.iter().any(|f| f.severity == Severity::Error);
    let applied = target.database.applied().await.ok().flatten();
    if args.json {
        output::json(&serde_json::json!({
            "dryRun": true,
            "at": args.at,
            "target": target.name,
            "newest": point,
            "applied": applied,
            "replace": args.replace,
            "findings": findings,
        }))?;
    } else {
        let size = HumanBytes(point.restore_bytes);
        let text = Text::new(
            format!(
                "newest point: {} written {}, from snapshot {} and {} segments of log, {size} to read",
                point.position,
                point.written_at,
                point.snapshot,
                segments(&point),
            ),
            format!(
                "최신 복구 시점: {} (기록 {}), 스냅샷 {}와 로그 세그먼트 {}개, 읽을 크기 {size}",
                point.position,
                point.written_at,
                point.snapshot,
                segments(&point),
            ),
        );
        output::data(text.get(lang));
        if to != RestoreTo::Latest {
            let text = Text::new(
                format!("asked for {}: the log is applied up to there", args.at),
                format!("요청한 시점 {}: 그 시점까지 로그를 적용합니다", args.at),
            );
            output::data(text.get(lang));
        }
        if applied.is_some() {
            let text = Text::new(
                "the target stands on a recovery point: when that one is on the way, only log is applied",
                "대상이 이미 복구 시점에 있습니다. 이어지는 경우 로그만 적용합니다",
            );
            output::data(text.get(lang));
        }
        output::findings(&findings, lang);
    }
    if refused && !args.replace {
        return Err(occupied(
            format!("{} cannot be restored into as it is", target.name),
            format!(
                "{}은(는) 현재 상태로 복원 대상이 될 수 없습니다",
                target.name
            ),
        ));
    }
    Ok(Exit::Done)
}

fn segments(point: &planb_model::recovery::RecoveryPoint) -> u64 {
    // A snapshot names where its log begins; the newest one begins at its own.
    point.last_segment.map_or(0, |last| last.0)
}
