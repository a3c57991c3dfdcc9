//! Who may write: epochs are claimed by conditional create.

use crate::error;
use crate::put::Put;
use crate::retry::{Backoff, is_temporary};
use crate::segment::check_format;
use crate::vault::Vault;
use bytes::Bytes;
use jiff::Timestamp;
use planb_model::recovery::VAULT_FORMAT;
use planb_model::{Epoch, ServiceName, SiteName};
use planb_ports::{PortError, PortResult};
use serde::{Deserialize, Serialize};

/// A claim is one small object; what does not pass in about five seconds is
/// the engine's to decide.
const ATTEMPTS_MAX: u32 = 6;

/// `vault.json`: says what the folder is, and in which format.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    format: u32,
    service: ServiceName,
}

/// `epoch/<epoch>.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claim {
    format: u32,
    service: ServiceName,
    epoch: Epoch,
    claimant: String,
    site: SiteName,
    claimed_at: Timestamp,
}

impl Vault {
    /// Takes `epoch`; see `Repository::claim_epoch`.
    ///
    /// Looks for newer claims before *and after* its own: of two writers that
    /// claim at the same time, at least one sees the other's.
    pub(crate) async fn claim(
        &self,
        epoch: Epoch,
        claimant: &str,
        site: &SiteName,
    ) -> PortResult<()> {
        self.mark().await?;
        self.refuse_older(epoch).await?;
        let claim = Claim {
            format: VAULT_FORMAT,
            service: self.service.clone(),
            epoch,
            claimant: claimant.to_owned(),
            site: site.clone(),
            claimed_at: self.clock.now(),
        };
        let key = self.layout.epoch(epoch);
        if let Put::Others(there) = self.put_json(&key, &claim).await? {
            check_format(&key, &there)?;
            let theirs: Claim =
                serde_json::from_slice(&there).map_err(|e| error::corrupt(&key, e))?;
            if (theirs.claimant.as_str(), &theirs.site) != (claimant, site) {
                return Err(error::claimed_by_other(
                    epoch,
                    &theirs.claimant,
                    &theirs.site,
                ));
            }
        }
        self.refuse_older(epoch).await
    }

    /// Every claimed epoch, oldest first.
    pub(crate) async fn epochs(&self) -> PortResult<Vec<Epoch>> {
        let claims = self.storage.list(&self.layout.epochs(), None).await?;
        let epochs = claims
            .iter()
            .filter_map(|o| self.layout.parse_epoch(&o.key));
        Ok(epochs.collect())
    }

    /// `Fenced` when a newer epoch than `epoch` is claimed.
    pub(crate) async fn refuse_older(&self, epoch: Epoch) -> PortResult<()> {
        match self.epochs().await?.last() {
            Some(newest) if *newest > epoch => Err(self.fenced(*newest, epoch)),
            _ => Ok(()),
        }
    }

    /// `Fenced` when a newer epoch is claimed, `Invalid` when `epoch` is not.
    pub(crate) async fn require_claim(&self, epoch: Epoch) -> PortResult<()> {
        self.refuse_older(epoch).await?;
        self.require_own_claim(epoch).await
    }

    /// `Invalid` when `epoch` is not claimed. A newer claim does not stop its
    /// writer: until the chain is closed, the old site is the one that serves,
    /// and its log is what the newer one is restored from.
    pub(crate) async fn require_own_claim(&self, epoch: Epoch) -> PortResult<()> {
        if self.epochs().await?.contains(&epoch) {
            Ok(())
        } else {
            Err(error::not_claimed(epoch))
        }
    }

    /// The error for a writer of `mine` that meets `current`.
    pub(crate) fn fenced(&self, current: Epoch, mine: Epoch) -> PortError {
        PortError::fenced(current, format_args!("the vault of {}", self.service), mine)
    }

    /// Writes `vault.json` if it is not there, and checks it if it is.
    pub(crate) async fn mark(&self) -> PortResult<()> {
        let key = self.layout.marker();
        let marker = Marker {
            format: VAULT_FORMAT,
            service: self.service.clone(),
        };
        if let Put::Others(there) = self.put_json(&key, &marker).await? {
            check_format(&key, &there)?;
            let theirs: Marker =
                serde_json::from_slice(&there).map_err(|e| error::corrupt(&key, e))?;
            if theirs.service != self.service {
                let what = format!("it is of service {}", theirs.service);
                return Err(error::corrupt(&key, what));
            }
        }
        Ok(())
    }

    async fn put_json(&self, key: &str, value: &impl Serialize) -> PortResult<Put> {
        let json =
            serde_json::to_vec_pretty(value).map_err(|e| error::internal("write an object", e))?;
        self.put_patiently(key, &Bytes::from(json)).await
    }

    /// Puts a small object, trying again a bounded number of times.
    pub(crate) async fn put_patiently(&self, key: &str, bytes: &Bytes) -> PortResult<Put> {
        let mut backoff = Backoff::default();
        loop {
            match self.put(key, bytes).await {
                Err(e) if is_temporary(&e) && backoff.attempts() < ATTEMPTS_MAX => {
                    backoff.wait(&*self.clock, &*self.random).await;
                }
                other => return other,
            }
        }
    }
}
