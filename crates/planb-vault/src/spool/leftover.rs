//! Spools nobody is filling: those of a source or a control plane that died,
//! and those whose epoch is over.

use super::backlog::tell_discarded;
use super::files::Files;
use crate::protect::Run;
use crate::ship::{Resume, Shipped, Shipper};
use crate::vault::Vault;
use planb_model::Epoch;
use planb_ports::{PortError, PortResult};

/// Looks at a spool another task may be shipping at the same time.
const LOOKS_MAX: u32 = 5;

impl Vault {
    /// Ships what the spool has behind the end of `epoch`'s chain: when the
    /// source is lost, this is the only copy of that log. Nothing is removed
    /// that does not follow, and a disk that cannot be read stops nobody.
    pub(crate) async fn ship_spooled(&self, epoch: Epoch, attempts_max: u32) -> PortResult<()> {
        if !self.has_spooled(epoch).await {
            return Ok(());
        }
        let Some(files) = self.spool_files(epoch).await? else {
            return Ok(());
        };
        for _ in 0..LOOKS_MAX {
            let Ok(resume) = self.resume(epoch).await? else {
                return Ok(());
            };
            if !files.ship_all(&resume, attempts_max).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn has_spooled(&self, epoch: Epoch) -> bool {
        match self.spooled_epochs().await {
            Ok(epochs) => epochs.contains(&epoch),
            Err(e) => {
                tracing::warn!(error = e.chain(), "the spool cannot be read");
                false
            }
        }
    }

    /// Drops the spool of an epoch whose chain is closed; returns its bytes.
    pub(crate) async fn drop_spool(&self, epoch: Epoch) -> PortResult<u64> {
        if !self.has_spooled(epoch).await {
            return Ok(0);
        }
        match self.spool_files(epoch).await? {
            Some(files) => Ok(files.discard().await),
            None => Ok(0),
        }
    }
}

impl Files<'_> {
    /// Whether something was shipped, so that it is worth another look.
    async fn ship_all(&self, resume: &Resume, attempts_max: u32) -> PortResult<bool> {
        let found = match self.find(resume).await {
            Ok(found) => found,
            Err(e) => {
                tracing::warn!(error = e.chain(), "the spool cannot be read");
                return Ok(false);
            }
        };
        let mut shipper = Shipper::new(self.vault(), resume, attempts_max);
        let on_retry = |e: &PortError, _| tracing::warn!(error = e.chain(), "shipping goes on");
        let mut shipped = false;
        for waiting in &found.waiting {
            let encoded = match self.load(&waiting.file()).await {
                Ok(encoded) => encoded,
                // Another task was faster, or it went bad: look again.
                Err(e) => {
                    tracing::warn!(error = e.chain(), "a file of the spool went");
                    return Ok(true);
                }
            };
            match shipper.ship_encoded(&encoded, &on_retry).await? {
                Shipped::Adopted => return Ok(true),
                Shipped::Stored { seq, bytes } => {
                    let epoch = self.epoch();
                    tracing::info!(%epoch, seq = seq.0, bytes, "spooled log is in the vault");
                    shipped = true;
                    self.remove_all(&[waiting.file()]).await;
                }
            }
        }
        Ok(shipped)
    }
}

impl Run<'_> {
    /// Drops what this vault's closed chains can never take, and says so. While
    /// a chain is open its spool stays, whoever has claimed a newer epoch: it is
    /// shipped before the chain is closed.
    pub(crate) async fn discard_closed_spools(&self) {
        let spooled = self.vault.spooled_epochs().await.unwrap_or_default();
        for epoch in spooled.into_iter().filter(|e| *e <= self.epoch) {
            if let Err(e) = self.discard_if_closed(epoch).await {
                tracing::warn!(%epoch, error = e.chain(), "an old spool stays");
            }
        }
    }

    async fn discard_if_closed(&self, epoch: Epoch) -> PortResult<()> {
        if let Some(by) = self.vault.head(epoch).await?.closed {
            let bytes = self.vault.drop_spool(epoch).await?;
            let reason = format!("epoch {by} closed the log of epoch {epoch}");
            tell_discarded(self.control, bytes, &reason);
        }
        Ok(())
    }
}
