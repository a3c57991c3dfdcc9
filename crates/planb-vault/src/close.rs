//! Ends the log of older epochs, so that no older writer can extend it.
//!
//! The closing object takes the very name an older writer's next segment would
//! have. Whoever creates that name first decides; the other one reads what is
//! there. This is the fence of the data, and it needs no clock and no lease.

use crate::chain::RawHead;
use crate::error;
use crate::frame;
use crate::put::Put;
use crate::retry::is_temporary;
use crate::segment;
use crate::vault::Vault;
use planb_model::Epoch;
use planb_model::recovery::{ObjectHash, SegmentBody, SegmentHeader, VAULT_FORMAT};
use planb_ports::{ErrorKind, PortError, PortResult};

/// An older writer can be faster a few times; each time its segment is in the
/// chain and is not lost. One that always is must be stopped otherwise.
const ATTEMPTS_MAX: u32 = 1_000;

/// Temporary failures of one put in a row while spooled log is shipped before
/// the chain is closed; a failover waits for it, about five seconds.
const ATTEMPTS_SPOOLED_MAX: u32 = 6;

impl Vault {
    /// Closes the chain of every epoch older than `by`.
    pub(crate) async fn close_older(&self, by: Epoch) -> PortResult<()> {
        self.require_claim(by).await?;
        for epoch in self.epochs().await? {
            if epoch < by {
                self.rescue_spooled(epoch).await?;
                self.close(epoch, by).await?;
                let bytes = self.drop_spool(epoch).await?;
                if bytes > 0 {
                    tracing::warn!(%epoch, bytes, "spooled log that does not follow is dropped");
                }
            }
        }
        Ok(())
    }

    /// Log that waits on this disk is of the source that was served from, and
    /// this is the last chance to have it. Only a storage that does not answer,
    /// which could not take the closing object either, keeps the chain open.
    async fn rescue_spooled(&self, epoch: Epoch) -> PortResult<()> {
        match self.ship_spooled(epoch, ATTEMPTS_SPOOLED_MAX).await {
            Err(e) if is_temporary(&e) => Err(e),
            Err(e) if !e.is_fenced() => {
                tracing::warn!(%epoch, error = e.chain(), "spooled log stays out of the vault");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn close(&self, epoch: Epoch, by: Epoch) -> PortResult<()> {
        let mut attempts = 0;
        loop {
            let head = self.raw_head(epoch).await?;
            if self.closed_by(&head).await?.is_some() {
                return Ok(());
            }
            let header = SegmentHeader {
                format: VAULT_FORMAT,
                service: self.service.clone(),
                epoch,
                seq: head.next,
                previous: head.previous.clone(),
                written_at: self.clock.now(),
                body: SegmentBody::Closed { by },
            };
            let key = self.layout.segment(epoch, head.next, &head.previous);
            let object = segment::encode(&header, b"", &self.seal, self.options.zstd_level)?;
            match self.put_patiently(&key, &object).await? {
                Put::Ours => {
                    let hash = ObjectHash::of(&object);
                    // The chain is closed whether or not that is signed.
                    if let Err(e) = self.sign_head(epoch, head.next, &hash).await {
                        tracing::warn!(error = e.chain(), "the end of the log is not signed");
                    }
                    return Ok(());
                }
                // The older writer or another closer was first: look again.
                Put::Others(_) if attempts < ATTEMPTS_MAX => attempts += 1,
                Put::Others(_) => return Err(cannot_close(epoch)),
            }
        }
    }

    /// Who closed the chain, if somebody did. Closing objects are never
    /// encrypted, so this needs no key.
    async fn closed_by(&self, head: &RawHead) -> PortResult<Option<Epoch>> {
        match &head.last {
            Some((name, object)) if frame::is_frame(object) => {
                let last = self.decode(&name.key, object.clone()).await?;
                match last.header.body {
                    SegmentBody::Closed { by } => Ok(Some(by)),
                    SegmentBody::Log { .. } => Ok(None),
                }
            }
            Some((name, object)) if object.is_empty() => {
                Err(error::corrupt(&name.key, "it is empty"))
            }
            _ => Ok(None),
        }
    }
}

fn cannot_close(epoch: Epoch) -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-REPO-CANNOT-CLOSE",
        format!("the writer of epoch {epoch} is always faster; its log could not be closed"),
    )
}
