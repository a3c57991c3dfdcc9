//! The accounts of a snapshot, when they are asked for.
//!
//! They come last, because privileges name tables and log may make some, unless
//! the engine's definitions need them. Data that was restored is worth having without them, so nothing that goes wrong here fails
//! the restore; it stands in its report.

use super::Target;
use crate::part;
use futures::TryStreamExt;
use planb_model::Text;
use planb_model::recovery::{PART_ACCOUNTS, SnapshotManifest};
use planb_ports::repository::RestoreReport;
use planb_ports::{Accounts, AccountsReport, PortError, PortResult, Verify};

/// Accounts of one server: a hundred thousand of them are less.
const ACCOUNTS_BYTES_MAX: usize = 64 << 20;

impl Target<'_> {
    /// Adds to `report` what became of the accounts, and who is missing.
    pub(super) async fn accounts(&self, mut report: RestoreReport) -> PortResult<RestoreReport> {
        if report.accounts.is_none() {
            report.accounts = self.make_accounts(&report.mark.snapshot).await;
        }
        if report.loaded_snapshot || report.accounts.is_some() {
            match self.database.missing_definers().await {
                Ok(names) => report.missing_definers = names,
                Err(e) => tracing::debug!(error = e.chain(), "definers were not looked at"),
            }
        }
        let compared = self.options.verify == Verify::Rows && report.tables_compared > 0;
        if report.loaded_snapshot && compared {
            match self.database.broken_keys().await {
                Ok(keys) => report.broken_keys = keys,
                Err(e) => tracing::warn!(error = e.chain(), "foreign keys were not looked at"),
            }
        }
        Ok(report)
    }

    /// Makes the accounts of a snapshot; `None` when nobody asked for them.
    pub(super) async fn make_accounts(&self, snapshot: &str) -> Option<AccountsReport> {
        if self.options.accounts == Accounts::Leave {
            return None;
        }
        self.progress.stage("users and what they may do");
        let made = self.make(snapshot).await;
        Some(made.unwrap_or_else(|e| AccountsReport::problem(told(&e))))
    }

    async fn make(&self, snapshot: &str) -> PortResult<AccountsReport> {
        let (_, manifest) = self.vault.manifest_of(snapshot).await?;
        let mut parts = manifest.parts.iter();
        let Some(part) = parts.find(|p| p.spec.kind == PART_ACCOUNTS) else {
            return Ok(without(&manifest));
        };
        let mut bytes = part::open(self.vault, part, |_| ()).await?;
        let mut whole = Vec::new();
        while let Some(piece) = bytes.try_next().await? {
            whole.extend_from_slice(&piece);
            if whole.len() > ACCOUNTS_BYTES_MAX {
                let key = self.vault.layout.full(&part.key);
                return Err(crate::error::corrupt(&key, "it is too large"));
            }
        }
        let how = self.options.accounts;
        self.database.restore_accounts(&whole, how).await
    }
}

fn without(manifest: &SnapshotManifest) -> AccountsReport {
    if manifest.has_files() {
        let note = Text::new(
            "the snapshot is of the server's files: all of its users came with them",
            "서버 파일의 스냅샷이므로 모든 사용자가 함께 복원되었습니다",
        );
        return AccountsReport {
            notes: vec![note],
            ..AccountsReport::default()
        };
    }
    AccountsReport::problem(Text::new(
        format!("snapshot {} was taken without users", manifest.id),
        format!("스냅샷 {}에는 사용자가 저장되어 있지 않습니다", manifest.id),
    ))
}

fn told(error: &PortError) -> Text {
    let chain = error.chain();
    match error.hint_text() {
        Some(hint) => Text::new(
            format!("{chain} ({})", hint.en),
            format!("{chain} ({})", hint.ko),
        ),
        None => Text::same(chain),
    }
}
