//! What a restore would do.

use super::{estimate, not_empty, occupied};
use crate::cli::RestoreArgs;
use crate::data::{OpenDatabase, OpenVault};
use crate::error::{CliResult, Exit};
use crate::output;
use indicatif::HumanBytes;
use planb_model::finding::Severity;
use planb_model::recovery::RestorePlan;
use planb_model::{Lang, Text};
use planb_ports::RestoreOptions;
use planb_ports::database::DatabaseRole;
use planb_ports::progress::NoProgress;

/// Shows the plan and what stands in the target's way.
pub async fn show(
    args: &RestoreArgs,
    vault: &OpenVault,
    target: &OpenDatabase,
    options: &RestoreOptions,
    lang: Lang,
) -> CliResult<Exit> {
    let plan = vault
        .repository
        .plan_restore(&*target.database, options, &NoProgress)
        .await
        .map_err(not_empty)?;
    let estimate = estimate::of(&vault.repository, &plan).await?;
    let findings = target.database.check(DatabaseRole::Target).await;
    let live = super::refuse_live(vault, target).await.err();
    let refused = findings.iter().any(|f| f.severity == Severity::Error);
    if args.json {
        output::json(&serde_json::json!({
            "dryRun": true,
            "target": target.name,
            "plan": plan,
            "estimatedSeconds": estimate.as_ref().map(|e| e.seconds),
            "replace": args.replace,
            "findings": findings,
        }))?;
    } else {
        for line in lines(&plan) {
            output::data(line.get(lang));
        }
        output::data(estimate::text(estimate.as_ref(), lang).get(lang));
        output::findings(&findings, lang);
    }
    match live {
        Some(error) if !args.replace => Err(error),
        _ if refused && !args.replace => Err(occupied(
            format!("{} cannot be restored into as it is", target.name),
            format!(
                "{}은(는) 현재 상태로 복원 대상이 될 수 없습니다",
                target.name
            ),
        )),
        _ => Ok(Exit::Done),
    }
}

fn lines(plan: &RestorePlan) -> Vec<Text> {
    let mut lines = Vec::new();
    let id = &plan.snapshot;
    match &plan.load {
        Some(load) => {
            let (size, rows) = (HumanBytes(load.stored_bytes), load.rows);
            lines.push(Text::new(
                format!(
                    "load snapshot {id} of {}: {rows} rows, {size}",
                    plan.taken_at
                ),
                format!("스냅샷 {id} ({}) 적재: {rows}행, {size}", plan.taken_at),
            ));
        }
        None => lines.push(Text::new(
            format!("the target stands on snapshot {id} already: only log is applied"),
            format!("대상이 이미 스냅샷 {id}에 있어 로그만 적용합니다"),
        )),
    }
    let (segments, size) = (plan.segments, HumanBytes(plan.log_bytes));
    lines.push(match &plan.to {
        Some(to) => Text::new(
            format!(
                "apply {segments} segments of log, {size}, to {} or before, written {}",
                to.position, to.at
            ),
            format!(
                "로그 세그먼트 {segments}개({size})를 {} 이전까지 적용, 기록 시각 {}",
                to.position, to.at
            ),
        ),
        None => Text::new("no log to apply", "적용할 로그 없음"),
    });
    if !plan.reaches {
        lines.push(log_ends());
    }
    lines
}

/// The log ends before the asked point, or has a gap before it.
pub fn log_ends() -> Text {
    Text::new(
        "! the log in the vault ends before the asked point",
        "! 볼트의 로그가 요청한 시점 전에 끝납니다",
    )
}
