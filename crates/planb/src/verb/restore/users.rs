//! Users and roles, when they are asked for.

use crate::cli::RestoreArgs;
use crate::data::{OpenDatabase, OpenVault};
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_model::recovery::{PART_ACCOUNTS, PART_BASE, PART_PHYSICAL};
use planb_model::{Lang, Text};
use planb_ports::progress::NoProgress;
use planb_ports::repository::RestoreReport;
use planb_ports::{Accounts, AccountsReport, BrokenKey, RestoreOptions};
use serde_json::{Value, json};

/// What was asked for.
pub fn asked(args: &RestoreArgs) -> Accounts {
    match (args.with_users, args.replace_users) {
        (_, true) => Accounts::Replace,
        (true, _) => Accounts::Create,
        _ => Accounts::Leave,
    }
}

/// Refuses a snapshot without users, when they are asked for, before the target
/// is touched.
pub async fn are_there(
    vault: &OpenVault,
    target: &OpenDatabase,
    options: &RestoreOptions,
) -> CliResult<()> {
    if options.accounts == Accounts::Leave {
        return Ok(());
    }
    let repository = &vault.repository;
    let plan = repository.plan_restore(&*target.database, options, &NoProgress);
    let plan = plan.await.map_err(super::not_empty)?;
    let manifest = repository.manifest(&plan.snapshot).await?;
    let holds = |kind: &str| [PART_ACCOUNTS, PART_BASE, PART_PHYSICAL].contains(&kind);
    if manifest.parts.iter().any(|part| holds(&part.spec.kind)) {
        return Ok(());
    }
    let id = &plan.snapshot;
    Err(CliError::new(
        Exit::Failed,
        "PB-RESTORE-NO-USERS",
        format!("snapshot {id} was taken without users"),
        format!("스냅샷 {id}에는 사용자가 저장되어 있지 않습니다"),
    )
    .hint(
        "nothing was changed; leave --with-users out, and take the next snapshot with it",
        "아무것도 변경하지 않았습니다. --with-users를 빼고 복원하고, 다음 스냅샷은 --with-users로 만드세요",
    ))
}

/// What became of them, for programs.
pub fn json(report: &AccountsReport) -> Value {
    json!({
        "created": report.created,
        "unchanged": report.unchanged,
        "replaced": report.replaced,
        "kept": report.kept,
        "notes": report.notes,
        "problems": report.problems,
    })
}

/// What became of them, for people.
pub fn show(restored: &RestoreReport, lang: Lang) {
    if let Some(report) = &restored.accounts {
        let (created, replaced) = (report.created.len(), report.replaced.len());
        let (unchanged, kept) = (report.unchanged.len(), report.kept.len());
        let text = Text::new(
            format!(
                "users: {created} made, {replaced} changed, {unchanged} as they were, {kept} left with another definition"
            ),
            format!(
                "사용자: 생성 {created}개, 변경 {replaced}개, 동일 {unchanged}개, 정의가 달라 그대로 둔 것 {kept}개"
            ),
        );
        output::note(text.get(lang));
        if kept > 0 {
            let names = report.kept.join(", ");
            let text = Text::new(
                format!("! {names}: not as in the snapshot; --replace-users changes them"),
                format!("! {names}: 스냅샷과 다릅니다. --replace-users로 변경할 수 있습니다"),
            );
            output::note(text.get(lang));
        }
        for text in report.notes.iter().chain(&report.problems) {
            output::note(&format!("! {}", text.get(lang)));
        }
    }
    if !restored.missing_definers.is_empty() {
        let names = restored.missing_definers.join(", ");
        let text = Text::new(
            format!(
                "! views, routines, triggers or events run in the name of {names}, which the target does not have: they fail until it is made"
            ),
            format!(
                "! 뷰, 루틴, 트리거 또는 이벤트의 정의자 {names} 계정이 대상에 없습니다. 만들 때까지 사용할 수 없습니다"
            ),
        );
        output::note(text.get(lang));
    }
    match &restored.broken_keys {
        Some(broken) => {
            for key in broken {
                output::note(broken_key(key).get(lang));
            }
        }
        None if restored.loaded_snapshot => output::note(keys_unknown().get(lang)),
        None => {}
    }
}

/// Not looked at is not the same as whole.
fn keys_unknown() -> Text {
    Text::new(
        "foreign keys were not looked at: rows that broke one in the source break it here",
        "외래 키는 확인하지 않았습니다. 원본에서 외래 키에 어긋난 행이 있었다면 여기서도 그대로입니다",
    )
}

fn broken_key(broken: &BrokenKey) -> Text {
    let BrokenKey { table, key, rows } = broken;
    Text::new(
        format!(
            "! {table}: {rows} of its rows break the foreign key {key}; they came back as they were, and new rows are checked as in the source"
        ),
        format!(
            "! {table}: {rows}개 행이 외래 키 {key}에 어긋납니다. 원본에 있던 그대로 복원했으며, 새로 쓰는 행은 원본에서처럼 검사됩니다"
        ),
    )
}

/// The data is there; users that are not must not be overlooked.
pub fn verdict(restored: &RestoreReport) -> CliResult<Exit> {
    match &restored.accounts {
        Some(report) if !report.problems.is_empty() => Err(CliError::new(
            Exit::Failed,
            "PB-RESTORE-USERS",
            "the data was restored and the target takes writes, but not all users could be made",
            "데이터는 복원되어 대상이 쓰기를 받고 있지만, 일부 사용자를 만들지 못했습니다",
        )
        .hint(
            "the reasons are above; make these users by hand",
            "위의 이유를 확인하고 해당 사용자를 직접 만드세요",
        )),
        _ => Ok(Exit::Done),
    }
}
