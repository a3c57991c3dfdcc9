//! `planb prune`: deletes what no rule keeps. Never the newest point, never the
//! last verified one, never what a kept point needs; `--drop` does not either.

use crate::cli::PruneArgs;
use crate::data;
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use indicatif::HumanBytes;
use planb_model::recovery::{Decision, Kept, PruneReport, RetentionPolicy, SnapshotDecision};
use planb_model::{Lang, Text};
use planb_vault::VaultOptions;

pub async fn run(args: PruneArgs, lang: Lang) -> CliResult<Exit> {
    let policy = policy(&args)?;
    let vault = data::open_vault(&args.vault, VaultOptions::default()).await?;
    let pruned = async {
        match args.drop.as_slice() {
            [] => vault.repository.prune(&policy, args.dry_run).await,
            ids => {
                let repository = &vault.repository;
                repository.prune_named(ids, &policy, args.dry_run).await
            }
        }
    };
    let report = tokio::select! {
        report = pruned => report?,
        () = super::stopped() => return Err(interrupted()),
    };
    if args.json {
        output::json(&report)?;
    } else {
        show(&report, lang);
    }
    Ok(Exit::Done)
}

fn policy(args: &PruneArgs) -> CliResult<RetentionPolicy> {
    let mut policy = RetentionPolicy {
        keep_last: args.keep_last,
        keep_for: data::duration(&args.keep_for)?,
        ..RetentionPolicy::default()
    };
    if let Some(gfs) = &args.gfs {
        let numbers: Option<Vec<u32>> = gfs.split(',').map(|n| n.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some([daily, weekly, monthly, yearly]) => {
                (policy.daily, policy.weekly) = (*daily, *weekly);
                (policy.monthly, policy.yearly) = (*monthly, *yearly);
            }
            _ => return Err(bad_gfs(gfs)),
        }
    }
    Ok(policy)
}

fn bad_gfs(text: &str) -> CliError {
    CliError::new(
        Exit::Usage,
        "PB-CLI-GFS",
        format!("'{text}' is not four numbers"),
        format!("'{text}'은(는) 숫자 네 개가 아닙니다"),
    )
    .hint(
        "write days,weeks,months,years, such as --gfs 7,4,12,5",
        "일,주,월,년 순서로 적으세요. 예: --gfs 7,4,12,5",
    )
}

fn interrupted() -> CliError {
    CliError::new(
        Exit::Interrupted,
        "PB-CLI-STOPPED",
        "interrupted; what is left in the vault is whole, and the next prune goes on",
        "중단되었습니다. 볼트에 남은 것은 온전하며 다음 prune이 이어서 진행합니다",
    )
}

fn show(report: &PruneReport, lang: Lang) {
    for snapshot in &report.snapshots {
        output::data(&line(snapshot, report.dry_run, lang));
    }
    let (count, size) = (report.deleted.len(), HumanBytes(report.deleted_bytes));
    let text = if report.dry_run {
        Text::new(
            format!("would delete {count} objects, {size}"),
            format!("삭제할 객체 {count}개, {size}"),
        )
    } else {
        Text::new(
            format!("deleted {count} objects, {size}"),
            format!("객체 {count}개 삭제, {size}"),
        )
    };
    output::data(text.get(lang));
    if report.folded > 0 {
        let folded = report.folded;
        let text = Text::new(
            format!("  of these {folded} of folded log"),
            format!("  그중 병합 로그(folded) 객체 {folded}개"),
        );
        output::data(text.get(lang));
    }
    if report.dry_run {
        for key in &report.deleted {
            output::data(&format!("  {key}"));
        }
    }
    if let Some(text) = locked(report) {
        output::data(text.get(lang));
    }
}

/// What stays because the store keeps it, and until when.
fn locked(report: &PruneReport) -> Option<Text> {
    let first = report.locked.first()?;
    let count = report.locked.len();
    let last = report.locked.iter().filter_map(|object| object.until).max();
    Some(match last {
        Some(until) => Text::new(
            format!(
                "kept {count} objects because the store has locked them until {until} at the latest"
            ),
            format!("저장소가 늦어도 {until}까지 잠가 두어 객체 {count}개를 보존했습니다"),
        ),
        None => Text::new(
            format!(
                "kept {count} objects because the store does not let them be deleted, such as {}",
                first.key
            ),
            format!(
                "저장소가 삭제를 허용하지 않아 객체 {count}개를 보존했습니다. 예: {}",
                first.key
            ),
        ),
    })
}

fn line(snapshot: &SnapshotDecision, dry_run: bool, lang: Lang) -> String {
    let at = snapshot.taken_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let what = match (&snapshot.decision, dry_run) {
        (Decision::Keep { reasons }, _) => {
            let reasons: Vec<Text> = reasons.iter().map(|r| reason(*r)).collect();
            let reasons: Vec<&str> = reasons.iter().map(|r| r.get(lang)).collect();
            let keep = Text::new("keep", "보존");
            format!("{}: {}", keep.get(lang), reasons.join(", "))
        }
        (Decision::Delete, true) => Text::new("would go", "삭제 예정").get(lang).to_owned(),
        (Decision::Delete, false) => Text::new("deleted", "삭제").get(lang).to_owned(),
    };
    format!("{at}  {}  {what}", snapshot.id)
}

fn reason(kept: Kept) -> Text {
    match kept {
        Kept::Newest => Text::new("the newest", "최신"),
        Kept::LastVerified => Text::new("the last verified", "마지막으로 검증됨"),
        Kept::KeepLast => Text::new("among the last", "최근 개수 규칙"),
        Kept::KeepFor => Text::new("young enough", "보존 기간 안"),
        Kept::ExactPoints => Text::new("exact points start here", "임의 시점 복구의 시작"),
        Kept::Daily => Text::new("of its day", "일별"),
        Kept::Weekly => Text::new("of its week", "주별"),
        Kept::Monthly => Text::new("of its month", "월별"),
        Kept::Yearly => Text::new("of its year", "연별"),
        Kept::Immutable => Text::new("locked by the store", "저장소가 잠금"),
        Kept::TimeToCome => Text::new("of a time to come", "미래 시각"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::recovery::LockedObject;

    #[test]
    fn what_is_locked_is_said_in_both_languages() {
        let object = |until: Option<&str>| LockedObject {
            key: "orders/log/x".into(),
            until: until.map(|at| at.parse().expect("a time")),
        };
        let report = |locked| PruneReport {
            locked,
            ..PruneReport::default()
        };
        assert_eq!(locked(&report(vec![])), None);
        let times = [
            Some("2026-03-01T00:00:00Z"),
            Some("2026-04-01T00:00:00Z"),
            None,
        ];
        let text = locked(&report(times.map(object).to_vec())).expect("three");
        for lang in [Lang::En, Lang::Ko] {
            let said = text.get(lang);
            assert!(
                said.contains("2026-04-01T00:00:00Z") && said.contains('3'),
                "{said}"
            );
        }
        let text = locked(&report(vec![object(None)])).expect("one");
        for lang in [Lang::En, Lang::Ko] {
            assert!(text.get(lang).contains("orders/log/x"), "{text:?}");
        }
    }
}
