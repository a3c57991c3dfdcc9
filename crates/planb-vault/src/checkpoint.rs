//! Signed heads of the log: which object stands at a place of a chain.
//!
//! The log is chained by hashes, so one signature over the hash of a segment
//! covers everything before it. It is written every few minutes while log is
//! shipped, when a writer stops, and for the segment that closes a chain. Each
//! segment is signed by itself as well, see `trust`; a checkpoint tells that log
//! up to it is all there.
//!
//! docs/formats/vault.md says what that proves, and what it does not.

use crate::error;
use crate::layout::{Layout, hash_digits, number};
use crate::protect::Run;
use crate::put::Put;
use crate::segment::{Segment, check_format};
use crate::sign::SIGNATURE_SUFFIX;
use crate::vault::Vault;
use bytes::Bytes;
use futures::TryStreamExt;
use planb_model::recovery::{ObjectHash, SegmentSeq, SignatureState, VAULT_FORMAT};
use planb_model::{Epoch, ServiceName};
use planb_ports::PortResult;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Time between two checkpoints: that log of at most this long was cut off at the
/// end cannot be told.
const INTERVAL_SECS: u64 = 5 * 60;
/// How long a writer that was told to stop may take for its last one.
const STOP_SECS_MAX: u64 = 3;

/// `checkpoint/<epoch>/<seq>-<hash16>.json`. Says nothing that changes, so that
/// writing it twice gives the same object.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Checkpoint {
    format: u32,
    service: ServiceName,
    epoch: Epoch,
    seq: SegmentSeq,
    /// Hash of the segment at `seq` as stored.
    hash: ObjectHash,
}

/// What signed checkpoints say of a chain.
#[derive(Debug, Default)]
pub(crate) struct Proofs(BTreeMap<SegmentSeq, ObjectHash>);

impl Proofs {
    /// Refuses `segment` when another one was signed at its place.
    pub(crate) fn check(&self, segment: &Segment) -> PortResult<()> {
        self.check_hash(segment.header.seq, &segment.hash, &segment.key)
    }

    /// The last place that was signed, if it is at `next` or behind it: a chain that
    /// ends before it was cut off.
    pub(crate) fn signed_behind(&self, next: SegmentSeq) -> Option<SegmentSeq> {
        let (last, _) = self.0.last_key_value()?;
        (*last >= next).then_some(*last)
    }

    /// The first place that was signed at `seq` or behind it.
    pub(crate) fn first_from(&self, seq: SegmentSeq) -> Option<(SegmentSeq, &ObjectHash)> {
        let (at, hash) = self.0.range(seq..).next()?;
        Some((*at, hash))
    }

    pub(crate) fn check_hash(
        &self,
        seq: SegmentSeq,
        hash: &ObjectHash,
        key: &str,
    ) -> PortResult<()> {
        match self.0.get(&seq) {
            Some(signed) if signed != hash => Err(error::forged_log(key)),
            _ => Ok(()),
        }
    }
}

impl Layout {
    /// Folder of the checkpoints of an epoch.
    pub(crate) fn checkpoints(&self, epoch: Epoch) -> String {
        self.full(&format!("checkpoint/{:010}/", epoch.0))
    }

    fn checkpoint(&self, epoch: Epoch, seq: SegmentSeq, hash: &ObjectHash) -> String {
        let folder = self.checkpoints(epoch);
        format!("{folder}{:010}-{}.json", seq.0, hash.short())
    }

    /// The place a checkpoint is about.
    pub(crate) fn parse_checkpoint(&self, epoch: Epoch, key: &str) -> Option<SegmentSeq> {
        let name = key.strip_prefix(&self.checkpoints(epoch))?;
        let (seq, hash) = name.strip_suffix(".json")?.split_once('-')?;
        hash_digits(hash)?;
        number(seq).map(SegmentSeq)
    }
}

/// Signs the head of the log now and then while it is shipped. Never ends, and
/// never stops it.
pub(crate) async fn periodic(run: &Run<'_>) {
    if run.vault.signs() == SignatureState::Unsigned {
        return std::future::pending().await;
    }
    let interval = Duration::from_secs(INTERVAL_SECS);
    loop {
        run.vault.clock.sleep(interval).await;
        if let Err(e) = head(run).await {
            run.retrying(&e, interval);
        }
    }
}

/// Signs the head once more when a writer stops, if that is soon done.
pub(crate) async fn last(run: &Run<'_>) {
    let late = run.vault.clock.sleep(Duration::from_secs(STOP_SECS_MAX));
    tokio::select! {
        signed = head(run) => {
            if let Err(e) = signed {
                tracing::warn!(error = e.chain(), "the end of the log was not signed");
            }
        }
        () = late => tracing::warn!("the end of the log was not signed in time"),
    }
}

async fn head(run: &Run<'_>) -> PortResult<()> {
    let Some(head) = run.shipped() else {
        return Ok(());
    };
    let seq = SegmentSeq(head.next.0.saturating_sub(1));
    run.vault.sign_head(head.epoch, seq, &head.previous).await
}

impl Vault {
    /// Writes that `hash` stands at `seq`, if this vault signs.
    ///
    /// Not behind a chain that is not the one that was signed before: the newest
    /// checkpoint must keep telling so.
    pub(crate) async fn sign_head(
        &self,
        epoch: Epoch,
        seq: SegmentSeq,
        hash: &ObjectHash,
    ) -> PortResult<()> {
        if self.signs() == SignatureState::Unsigned {
            return Ok(());
        }
        self.check_head(epoch, SegmentSeq::FIRST).await?;
        let checkpoint = Checkpoint {
            format: VAULT_FORMAT,
            service: self.service.clone(),
            epoch,
            seq,
            hash: hash.clone(),
        };
        let json = serde_json::to_vec_pretty(&checkpoint)
            .map_err(|e| error::internal("write a checkpoint", e))?;
        let (key, object) = (self.layout.checkpoint(epoch, seq, hash), Bytes::from(json));
        self.put_signature(&key, &object).await?;
        match self.put_patiently(&key, &object).await? {
            Put::Ours => Ok(()),
            Put::Others(_) => Err(error::other_writer(&key)),
        }
    }

    /// What is signed of the chain of `epoch` from `from` on; nothing when
    /// signatures are not checked. What nobody signed who may does not count,
    /// and is told.
    pub(crate) async fn proofs(&self, epoch: Epoch, from: SegmentSeq) -> PortResult<Proofs> {
        let mut proofs = Proofs::default();
        for (seq, key) in self.checkpoint_keys(epoch, from).await? {
            if let Some(hash) = self.read_checkpoint(epoch, seq, &key).await? {
                proofs.0.insert(seq, hash);
            }
        }
        Ok(proofs)
    }

    /// Refuses a chain whose newest signed head is not in it.
    pub(crate) async fn check_head(&self, epoch: Epoch, from: SegmentSeq) -> PortResult<()> {
        let mut keys = self.checkpoint_keys(epoch, from).await?;
        while let Some((seq, key)) = keys.pop() {
            let Some(signed) = self.read_checkpoint(epoch, seq, &key).await? else {
                continue;
            };
            let mut names = self.segments(epoch, seq).await?;
            let name = names.try_next().await?.filter(|name| name.seq == seq);
            let name = name.ok_or_else(|| self.missing_segment(epoch, seq))?;
            let hash = ObjectHash::of(&self.storage.read(&name.key).await?);
            return match hash == signed {
                true => Ok(()),
                false => Err(error::forged_log(&name.key)),
            };
        }
        Ok(())
    }

    async fn checkpoint_keys(
        &self,
        epoch: Epoch,
        from: SegmentSeq,
    ) -> PortResult<Vec<(SegmentSeq, String)>> {
        if !self.signing.checks() {
            return Ok(Vec::new());
        }
        let folder = self.layout.checkpoints(epoch);
        let listed = self.storage.list(&folder, None).await?;
        let keys = listed.into_iter().filter_map(|object| {
            let seq = self.layout.parse_checkpoint(epoch, &object.key)?;
            (seq >= from).then_some((seq, object.key))
        });
        Ok(keys.collect())
    }

    /// `None` for one that does not count.
    async fn read_checkpoint(
        &self,
        epoch: Epoch,
        seq: SegmentSeq,
        key: &str,
    ) -> PortResult<Option<ObjectHash>> {
        let read = async {
            let object = self.storage.read(key).await?;
            self.check_signature(key, &object).await?;
            let found = parse(key, &object)?;
            let named = (&self.service, epoch, seq);
            match (&found.service, found.epoch, found.seq) == named {
                true => Ok(found.hash),
                false => Err(error::corrupt(key, "it belongs under another name")),
            }
        };
        match read.await {
            Ok(hash) => Ok(Some(hash)),
            Err(e) if crate::record::is_about_the_object(e.kind()) => {
                tracing::warn!(error = e.chain(), "a checkpoint of the log does not count");
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

/// Reads the bytes of a checkpoint.
pub(crate) fn parse(key: &str, json: &[u8]) -> PortResult<Checkpoint> {
    check_format(key, json)?;
    serde_json::from_slice(json).map_err(|e| error::corrupt(key, e))
}

/// Whether `key` is a checkpoint or its signature, and of which place.
pub(crate) fn place(layout: &Layout, epoch: Epoch, key: &str) -> Option<SegmentSeq> {
    let key = key.strip_suffix(SIGNATURE_SUFFIX).unwrap_or(key);
    layout.parse_checkpoint(epoch, key)
}
