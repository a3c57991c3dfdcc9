//! Protecting a database into the fake vault.

use super::FakeRepository;
use super::vault::{Segment, Snapshot, Tail};
use crate::lock;
use bytes::Bytes;
use planb_model::recovery::{
    AppliedMark, ObjectHash, PartManifest, PartSpec, SegmentBody, SegmentHeader, SnapshotManifest,
    VAULT_FORMAT,
};
use planb_model::{Canary, Epoch};
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::repository::{ProtectControl, ProtectEvent};
use planb_ports::{
    Database, ErrorKind, LogBatch, LogSource, PortError, PortResult, Retry, SnapshotOptions,
};
use std::time::Duration;

/// Longest wait of a drain for a batch; the source is fenced, nothing new comes.
const DRAIN_WAIT_MS: u64 = 1;

/// When what is due next in one run.
struct Due {
    canary: Duration,
    snapshot: Duration,
    /// What waits is tried again.
    spool: Duration,
    sequence: u64,
}

impl FakeRepository {
    pub(super) async fn run_protect(
        &self,
        database: &dyn Database,
        epoch: Epoch,
        control: &dyn ProtectControl,
    ) -> PortResult<()> {
        let mut due = Due {
            canary: self.clock.monotonic(),
            snapshot: self.clock.monotonic() + self.settings.snapshot_interval,
            spool: self.clock.monotonic(),
            sequence: 0,
        };
        while !control.should_stop() {
            match self.protect_once(database, epoch, control, &mut due).await {
                Ok(()) => return Ok(()),
                Err(error) if error.retry() == Retry::No && !is_mended_by_reopening(&error) => {
                    return Err(error);
                }
                Err(error) => {
                    let wait = self.settings.retry_pause;
                    control.event(ProtectEvent::Retrying {
                        error: error.chain(),
                        code: error.code(),
                        wait,
                    });
                    self.clock.sleep(wait).await;
                }
            }
        }
        Ok(())
    }

    /// Protects until it is told to stop (`Ok`) or anything fails.
    async fn protect_once(
        &self,
        database: &dyn Database,
        epoch: Epoch,
        control: &dyn ProtectControl,
        due: &mut Due,
    ) -> PortResult<()> {
        // A canary of an earlier run may not have reached the vault.
        let there = database.read_canary(&self.service).await?;
        let of_epoch = there.filter(|canary| canary.epoch == epoch);
        due.sequence = due
            .sequence
            .max(of_epoch.map_or(0, |canary| canary.sequence));
        let (mut log, mut tail) = self.open(database, epoch, Some(control)).await?;
        while !control.should_stop() {
            self.catch_up(&mut log, control, due).await?;
            let now = self.clock.monotonic();
            if now >= due.snapshot && self.is_spool_empty() {
                self.take_snapshot(database, epoch, Some(control), "interval")
                    .await?;
                due.snapshot = now + self.settings.snapshot_interval;
                (log, tail) = self.open(database, epoch, Some(control)).await?;
            }
            if now >= due.canary {
                due.sequence += 1;
                let canary = Canary {
                    epoch,
                    sequence: due.sequence,
                    written_at: self.clock.now(),
                };
                database.write_canary(&self.service, &canary).await?;
                due.canary = now + self.settings.canary_interval;
            }
            let flush = self.settings.flush_interval;
            let bytes = self.settings.flush_bytes;
            if self.is_spool_full() {
                self.clock.sleep(flush).await;
            } else if let Some(batch) = log.next(bytes, flush, flush).await? {
                self.ship(batch, log.as_mut(), Some(control), &mut tail)
                    .await?;
            }
        }
        Ok(())
    }

    /// Ships what waits, until the vault is away again.
    async fn catch_up(
        &self,
        log: &mut Box<dyn LogSource>,
        control: &dyn ProtectControl,
        due: &mut Due,
    ) -> PortResult<()> {
        while self.clock.monotonic() >= due.spool {
            match self.ship_first(Some(log), Some(control)).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(e) if e.retry() == Retry::No => return Err(e),
                Err(_) => due.spool = self.clock.monotonic() + self.settings.retry_pause,
            }
        }
        Ok(())
    }

    pub(super) async fn run_drain(
        &self,
        database: &dyn Database,
        epoch: Epoch,
    ) -> PortResult<AppliedMark> {
        let (mut log, mut tail) = self.open(database, epoch, None).await?;
        while self.ship_first(Some(&mut log), None).await? {}
        let wait = Duration::from_millis(DRAIN_WAIT_MS);
        while !log.is_drained().await? {
            if let Some(batch) = log.next(self.settings.flush_bytes, wait, wait).await? {
                self.ship(batch, log.as_mut(), None, &mut tail).await?;
            }
        }
        let tail = self.tail(epoch).await?;
        let Some((snapshot, position)) = tail.continues else {
            let message = "the snapshot of a drained database is gone";
            return Err(crate::fake_error(ErrorKind::Internal, message));
        };
        Ok(AppliedMark {
            snapshot,
            epoch,
            next_segment: tail.next,
            position,
        })
    }

    async fn tail(&self, epoch: Epoch) -> PortResult<Tail> {
        let read = || Ok(lock(&self.vault).tail(epoch));
        self.link.call(("read-chain", epoch), read).await
    }

    /// Opens the log where the chain ends, after a new snapshot where it must be.
    async fn open(
        &self,
        database: &dyn Database,
        epoch: Epoch,
        control: Option<&dyn ProtectControl>,
    ) -> PortResult<(Box<dyn LogSource>, Tail)> {
        let tail = self.tail(epoch).await?;
        let tail = self.behind_spool(epoch, tail, control);
        let why = match &tail.continues {
            None => "first of the epoch",
            Some((_, position)) => match database.open_log(position).await {
                Err(error) if is_log_lost(&error) => "the log was lost",
                opened => return Ok((opened?, tail)),
            },
        };
        while self.ship_first(None, control).await? {}
        let manifest = self.take_snapshot(database, epoch, control, why).await?;
        let tail = self.tail(epoch).await?;
        Ok((database.open_log(&manifest.position).await?, tail))
    }

    async fn take_snapshot(
        &self,
        database: &dyn Database,
        epoch: Epoch,
        control: Option<&dyn ProtectControl>,
        why: &str,
    ) -> PortResult<SnapshotManifest> {
        let began = self.clock.monotonic();
        tell(control, || ProtectEvent::SnapshotStarted {
            reason: why.to_owned(),
        });
        let tail = self.tail(epoch).await?;
        let order = lock(&self.vault).begin_snapshot();
        let sink = MemorySink::default();
        let options = SnapshotOptions::default();
        let facts = database.snapshot(&sink, &options, &NoProgress).await?;
        let written = sink.parts();
        let parts: Vec<PartManifest> = written.iter().map(part_manifest).collect();
        let manifest = SnapshotManifest {
            format: VAULT_FORMAT,
            id: format!(
                "{:010}-{}-{}",
                epoch.0, facts.position.stream, facts.position.at
            ),
            service: self.service.clone(),
            epoch,
            engine: database.engine(),
            server_version: facts.server_version,
            taken_at: self.clock.now(),
            consistent_at: None,
            position: facts.position,
            next_segment: tail.next,
            parts,
            tables: facts.tables,
            databases: Vec::new(),
            encrypted: false,
        };
        let manifest = self.bridge(database, epoch, manifest, &tail).await?;
        let snapshot = Snapshot::new(manifest.clone(), written, order);
        let bytes = manifest.parts.iter().map(|p| p.stored_bytes).sum();
        let vault = self.vault.clone();
        let put = move || lock(&vault).add_snapshot(snapshot);
        self.link.call_or_late(("put-snapshot", epoch), put).await?;
        let took = self.clock.monotonic().saturating_sub(began);
        tell(control, || ProtectEvent::SnapshotDone {
            id: manifest.id.clone(),
            bytes,
            took,
            files: false,
            why: None,
        });
        Ok(manifest)
    }

    /// Ships what lies between the end of the chain and the snapshot's point,
    /// so that the segment after the snapshot starts exactly there. A chain
    /// whose log was lost goes on at the snapshot instead.
    async fn bridge(
        &self,
        database: &dyn Database,
        epoch: Epoch,
        mut manifest: SnapshotManifest,
        tail: &Tail,
    ) -> PortResult<SnapshotManifest> {
        let Some((_, position)) = &tail.continues else {
            return Ok(manifest);
        };
        let mut log = match database.open_log(position).await {
            Err(error) if is_log_lost(&error) => return Ok(manifest),
            opened => opened?,
        };
        let wait = Duration::from_millis(DRAIN_WAIT_MS);
        // One transaction a segment: none of them reaches past the snapshot.
        let mut tail = self.tail(epoch).await?;
        while tail.continues.as_ref().map(|(_, p)| p) != Some(&manifest.position) {
            let Some(batch) = log.next(1, wait, wait).await? else {
                return Ok(manifest);
            };
            self.ship(batch, log.as_mut(), None, &mut tail).await?;
        }
        manifest.next_segment = self.tail(epoch).await?.next;
        Ok(manifest)
    }

    /// Ships a batch. While protection runs, one that the vault does not take
    /// waits on disk, and so do those behind it.
    async fn ship(
        &self,
        batch: LogBatch,
        log: &mut dyn LogSource,
        control: Option<&dyn ProtectControl>,
        tail: &mut Tail,
    ) -> PortResult<()> {
        let began = self.clock.monotonic();
        let raw_bytes = batch.bytes.len() as u64;
        let end = batch.end.clone();
        let header = SegmentHeader {
            format: VAULT_FORMAT,
            service: self.service.clone(),
            epoch: tail.epoch,
            seq: tail.next,
            previous: tail.previous.clone(),
            written_at: self.clock.now(),
            body: SegmentBody::Log {
                start: batch.start,
                end: batch.end,
                transactions: batch.transactions,
                raw_bytes,
            },
        };
        let segment = Segment::new(header, batch.bytes);
        let waits = !self.is_spool_empty();
        let put = match waits {
            true => Ok(()),
            false => self.put(segment.clone()).await,
        };
        match put {
            Err(error) if error.retry() == Retry::No || control.is_none() => Err(error),
            Ok(()) if !waits => {
                tail.pass(&segment);
                log.shipped(&end).await?;
                let took = self.clock.monotonic().saturating_sub(began);
                if let Some(control) = control {
                    told(control, &segment, took);
                }
                Ok(())
            }
            _ => {
                tail.pass(&segment);
                self.spool(segment, control)
            }
        }
    }

    pub(super) async fn put(&self, segment: Segment) -> PortResult<()> {
        let (vault, epoch) = (self.vault.clone(), segment.header.epoch);
        let put = move || lock(&vault).ship(segment);
        self.link.call_or_late(("ship", epoch), put).await
    }
}

/// Tells that a segment is durable.
pub(super) fn told(control: &dyn ProtectControl, segment: &Segment, took: Duration) {
    let SegmentBody::Log {
        transactions,
        raw_bytes,
        ..
    } = segment.header.body
    else {
        return;
    };
    control.event(ProtectEvent::Shipped {
        transactions,
        raw_bytes,
        stored_bytes: raw_bytes,
        took,
    });
    if let Some(canary) = segment.canary {
        control.event(ProtectEvent::CanarySeen { canary });
    }
}

fn tell(control: Option<&dyn ProtectControl>, event: impl FnOnce() -> ProtectEvent) {
    if let Some(control) = control {
        control.event(event());
    }
}

fn is_log_lost(error: &PortError) -> bool {
    error.kind() == ErrorKind::LogLost
}

/// A log that was purged, or a chain that a late segment has extended.
fn is_mended_by_reopening(error: &PortError) -> bool {
    matches!(error.kind(), ErrorKind::LogLost | ErrorKind::Conflict)
}

fn part_manifest((spec, bytes): &(PartSpec, Bytes)) -> PartManifest {
    PartManifest {
        spec: spec.clone(),
        key: format!("part/{}", spec.name),
        stored_bytes: bytes.len() as u64,
        raw_bytes: bytes.len() as u64,
        hash: ObjectHash::of(bytes),
    }
}
