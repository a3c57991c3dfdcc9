//! Puts batches of log into the vault, each at its place of the chain.

use crate::chain::Head;
use crate::error;
use crate::level;
use crate::put::Put;
use crate::retry::{Backoff, is_temporary};
use crate::segment;
use crate::snapshot::Written;
use crate::vault::{Vault, blocking, same_place};
use bytes::Bytes;
use jiff::Timestamp;
use planb_model::Epoch;
use planb_model::recovery::{
    LogPosition, ObjectHash, SegmentBody, SegmentHeader, SegmentSeq, VAULT_FORMAT,
};
use planb_ports::progress::NoProgress;
use planb_ports::{Database, ErrorKind, LogBatch, PortError, PortResult};
use std::time::Duration;

/// Larger batches are compressed off the async threads: a few milliseconds at
/// the level of log that comes slowly.
const INLINE_BYTES_MAX: usize = 16 * 1024;
/// A crash leaves at most one put in flight; it can land once.
const ADOPTIONS_MAX: u32 = 2;

/// Where log goes on.
#[derive(Debug, Clone)]
pub(crate) struct Resume {
    /// The end of the chain.
    pub(crate) head: Head,
    /// Where the database's log is read from.
    pub(crate) position: LogPosition,
    /// The snapshot that is continued.
    pub(crate) snapshot: String,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Shipped {
    /// It is durable, as this segment and with so many bytes.
    Stored { seq: SegmentSeq, bytes: u64 },
    /// An earlier life of this writer had put log from the same place there,
    /// which is as good; the log has to be read from its end.
    Adopted,
}

/// What is told about a put that is tried again.
pub(crate) type OnRetry<'a> = &'a (dyn Fn(&PortError, Duration) + Send + Sync);

/// A batch as the object of its place in the chain.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub(crate) seq: SegmentSeq,
    /// Hash of the object before it.
    pub(crate) previous: ObjectHash,
    pub(crate) hash: ObjectHash,
    pub(crate) object: Bytes,
    pub(crate) start: LogPosition,
    pub(crate) end: LogPosition,
    pub(crate) transactions: u64,
    pub(crate) raw_bytes: u64,
    /// When the newest transaction was read.
    pub(crate) read_at: Timestamp,
}

/// The writing end of a chain.
pub(crate) struct Shipper<'a> {
    vault: &'a Vault,
    pub(crate) head: Head,
    /// Everything before this is in the vault.
    pub(crate) position: LogPosition,
    adoptions_left: u32,
    attempts_max: u32,
}

impl<'a> Shipper<'a> {
    /// A writer that goes on at `resume` and gives a put up after `attempts_max`
    /// temporary failures.
    pub(crate) fn new(vault: &'a Vault, resume: &Resume, attempts_max: u32) -> Self {
        Self {
            vault,
            head: resume.head.clone(),
            position: resume.position.clone(),
            adoptions_left: ADOPTIONS_MAX,
            attempts_max,
        }
    }

    /// Puts `batch` at the next place. `Fenced` when a newer epoch closed the
    /// chain, `Conflict` when somebody else writes it.
    pub(crate) async fn ship(
        &mut self,
        batch: &LogBatch,
        on_retry: OnRetry<'_>,
    ) -> PortResult<Shipped> {
        require_next(batch, &self.position)?;
        let encoded = self.vault.encode_batch(&self.head, batch).await?;
        self.ship_encoded(&encoded, on_retry).await
    }

    /// Puts an object that was made for the next place; see [`Shipper::ship`].
    pub(crate) async fn ship_encoded(
        &mut self,
        encoded: &Encoded,
        on_retry: OnRetry<'_>,
    ) -> PortResult<Shipped> {
        if (encoded.seq, &encoded.previous) != (self.head.next, &self.head.previous) {
            let what = format!("segment {} was made for another place", encoded.seq.0);
            return Err(error::bad_source(what));
        }
        let layout = &self.vault.layout;
        let key = layout.segment(self.head.epoch, encoded.seq, &encoded.previous);
        match self.put(&key, &encoded.object, on_retry).await? {
            Put::Ours => {
                self.head.pass(encoded);
                self.position = encoded.end.clone();
                // From now on the next place is ours alone.
                self.adoptions_left = 0;
                Ok(Shipped::Stored {
                    seq: encoded.seq,
                    bytes: encoded.object.len() as u64,
                })
            }
            Put::Others(there) => self.somebody_was_first(&key, there).await,
        }
    }

    async fn put(&self, key: &str, object: &Bytes, on_retry: OnRetry<'_>) -> PortResult<Put> {
        let mut backoff = match self.attempts_max {
            u32::MAX => Backoff::of_waiting_log(),
            _ => Backoff::default(),
        };
        loop {
            match self.vault.put(key, object).await {
                Err(e) if is_temporary(&e) && backoff.attempts() < self.attempts_max => {
                    let pause = backoff.pause(&*self.vault.random);
                    on_retry(&e, pause);
                    self.vault.clock.sleep(pause).await;
                }
                other => return other,
            }
        }
    }

    async fn somebody_was_first(&mut self, key: &str, there: Bytes) -> PortResult<Shipped> {
        let segment = match self.vault.decode(key, there).await {
            Ok(segment) => segment,
            Err(e) => return Err(error::other_writer(key).source(e)),
        };
        match &segment.header.body {
            SegmentBody::Closed { by } => Err(self.vault.fenced(*by, self.head.epoch)),
            SegmentBody::Log { start, end, .. }
                if self.adoptions_left > 0
                    && same_place(start, &self.position)
                    && self.vault.is_signed(&segment) =>
            {
                self.position = end.clone();
                self.head.advance(&segment)?;
                self.adoptions_left -= 1;
                tracing::info!(key, "going on behind a segment of an earlier run");
                Ok(Shipped::Adopted)
            }
            SegmentBody::Log { .. } => Err(error::other_writer(key)),
        }
    }
}

/// Refuses a batch that does not begin where the one before it ended.
pub(crate) fn require_next(batch: &LogBatch, position: &LogPosition) -> PortResult<()> {
    if same_place(&batch.start, position) {
        return Ok(());
    }
    let start = &batch.start;
    let what = format!("the log source jumped from {position} to {start} without a word");
    Err(error::bad_source(what))
}

impl Head {
    /// Moves behind an object that was made for this place.
    pub(crate) fn pass(&mut self, encoded: &Encoded) {
        self.next = encoded.seq.next();
        self.previous = encoded.hash.clone();
        self.end = Some(encoded.end.clone());
    }
}

impl Vault {
    /// Makes the object that puts `batch` behind `head`, large ones off the
    /// async threads.
    pub(crate) async fn encode_batch(&self, head: &Head, batch: &LogBatch) -> PortResult<Encoded> {
        let raw_bytes = batch.bytes.len() as u64;
        let header = SegmentHeader {
            format: VAULT_FORMAT,
            service: self.service.clone(),
            epoch: head.epoch,
            seq: head.next,
            previous: head.previous.clone(),
            written_at: self.clock.now(),
            body: SegmentBody::Log {
                start: batch.start.clone(),
                end: batch.end.clone(),
                transactions: batch.transactions,
                raw_bytes,
            },
        };
        let (seal, level) = (
            self.seal.clone(),
            level::for_segment(raw_bytes, &self.options),
        );
        let raw = batch.bytes.clone();
        let encode = move || {
            let object = segment::encode(&header, &raw, &seal, level)?;
            Ok((ObjectHash::of(&object), object))
        };
        let (hash, object) = if batch.bytes.len() <= INLINE_BYTES_MAX {
            encode()?
        } else {
            blocking(encode).await?
        };
        Ok(Encoded {
            seq: head.next,
            previous: head.previous.clone(),
            hash,
            object,
            start: batch.start.clone(),
            end: batch.end.clone(),
            transactions: batch.transactions,
            raw_bytes,
            read_at: batch.read_at,
        })
    }

    /// Where the log of `epoch` goes on: behind the newest snapshot of the
    /// epoch and the log after it. The text says why it does not.
    pub(crate) async fn resume(&self, epoch: Epoch) -> PortResult<Result<Resume, String>> {
        let head = self.head(epoch).await?;
        if let Some(by) = head.closed {
            return Err(self.fenced(by, epoch));
        }
        // What nobody signed must not be signed by being gone on from.
        if let Err(e) = self.check_end(epoch, SegmentSeq::FIRST).await {
            return match e.code() {
                "PB-REPO-UNSIGNED-LOG" => Ok(Err(e.to_string())),
                _ => Err(e),
            };
        }
        let mut names = self.manifests().await?;
        names.retain(|name| name.epoch == epoch);
        if names.is_empty() {
            return Ok(Err(format!("there is no snapshot of epoch {epoch}")));
        }
        names.truncate(1);
        let manifest = match self.newest_whole(&names, |_| ()).await {
            Ok((_, manifest)) => manifest,
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                return Ok(Err(format!("the newest snapshot is damaged: {e}")));
            }
            Err(e) => return Err(e),
        };
        if manifest.next_segment > head.next {
            return Err(self.missing_segment(epoch, head.next));
        }
        let position = match &head.end {
            Some(end) if manifest.next_segment < head.next => end.clone(),
            _ => manifest.position,
        };
        Ok(Ok(Resume {
            head,
            position,
            snapshot: manifest.id,
        }))
    }

    /// Takes a snapshot of `database` that the log of `epoch` goes on from.
    /// Also returns its stored bytes.
    pub(crate) async fn begin_anew(
        &self,
        database: &dyn Database,
        epoch: Epoch,
    ) -> PortResult<(Resume, Written)> {
        let written = self
            .write_snapshot(database, &self.options.snapshot, &NoProgress)
            .await?;
        let head = self.head(epoch).await?;
        if let Some(by) = head.closed {
            return Err(self.fenced(by, epoch));
        }
        self.publish(&written, epoch, head.next).await?;
        let resume = Resume {
            head,
            position: written.facts.position.clone(),
            snapshot: written.id.clone(),
        };
        Ok((resume, written))
    }
}
