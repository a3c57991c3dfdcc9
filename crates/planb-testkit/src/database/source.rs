//! The fake database as the source of snapshots and log.

use super::state::Record;
use super::{FakeDatabase, encoding};
use async_trait::async_trait;
use bytes::Bytes;
use planb_model::recovery::{LogPosition, PartSpec};
use planb_ports::snapshot::write_part;
use planb_ports::{LogBatch, LogSource, PortResult, SnapshotFacts, SnapshotSink};
use std::time::Duration;
use tokio::time::Instant;

/// Rows in one part of a snapshot; small, so that snapshots have several parts.
const PART_ROWS: usize = 32;

impl FakeDatabase {
    pub(super) async fn write_snapshot(
        &self,
        sink: &dyn SnapshotSink,
    ) -> PortResult<SnapshotFacts> {
        let take = || {
            self.state(|state| {
                let put = |(k, v): (&String, &String)| Record::Put(k.clone(), v.clone());
                let canary = |(k, v): (&String, &String)| Record::Canary(k.clone(), v.clone());
                let rows: Vec<Record> = state.rows.iter().map(put).collect();
                let canaries: Vec<Record> = state.canaries.iter().map(canary).collect();
                let facts = SnapshotFacts {
                    position: state.position(state.log.len() as u64),
                    consistent_at: None,
                    server_version: "fake 1".to_owned(),
                    tables: vec![state.digest()],
                    databases: Vec::new(),
                    why: None,
                };
                Ok((rows, canaries, facts))
            })
        };
        let (rows, canaries, facts) = self.link.call("snapshot", take).await?;
        for (n, chunk) in rows.chunks(PART_ROWS).enumerate() {
            self.write_part(sink, &format!("rows-{n}"), "rows", chunk)
                .await?;
        }
        self.write_part(sink, "canaries", "canaries", &canaries)
            .await?;
        Ok(facts)
    }

    async fn write_part(
        &self,
        sink: &dyn SnapshotSink,
        name: &str,
        kind: &str,
        records: &[Record],
    ) -> PortResult<()> {
        // A database that dies in the middle of a snapshot does not end it.
        let read = || self.state(|_| Ok(encoding::encode(records)));
        let bytes = self.link.call("snapshot-part", read).await?;
        let table = (kind == "rows").then(|| super::TABLE.to_owned());
        let spec = PartSpec {
            name: name.to_owned(),
            kind: kind.to_owned(),
            table,
        };
        write_part(sink, spec, Bytes::from(bytes)).await
    }
}

/// The open log of a fake database.
pub(super) struct FakeLog {
    database: FakeDatabase,
    stream: String,
    next: u64,
    /// When the transactions that were seen and not returned are due.
    flush_at: Option<Instant>,
}

/// What is readable of a log now.
struct Readable {
    batch: LogBatch,
    full: bool,
}

impl FakeLog {
    pub(super) fn new(database: FakeDatabase, start: &LogPosition, next: u64) -> Self {
        Self {
            database,
            stream: start.stream.clone(),
            next,
            flush_at: None,
        }
    }

    fn here(&self) -> LogPosition {
        LogPosition {
            stream: self.stream.clone(),
            at: self.next.to_string(),
            gtid: None,
        }
    }

    /// Whole transactions from here on, as many as fit into `flush_bytes`, and
    /// at least one.
    fn readable(&self, flush_bytes: u64) -> PortResult<Option<Readable>> {
        let read_at = self.database.shared.clock.now();
        self.database.state(|state| {
            let start = state.find(&self.here())?;
            let mut text = String::new();
            let (mut end, mut full) = (start, false);
            let from = usize::try_from(start).unwrap_or(usize::MAX);
            for line in state.log.iter().skip(from) {
                full = end > start && (text.len() + line.len()) as u64 > flush_bytes;
                if full {
                    break;
                }
                text.push_str(line);
                end += 1;
            }
            if end == start {
                return Ok(None);
            }
            let full = full || text.len() as u64 >= flush_bytes;
            let batch = LogBatch {
                start: self.here(),
                end: state.position(end),
                bytes: Bytes::from(text),
                transactions: end - start,
                read_at,
            };
            Ok(Some(Readable { batch, full }))
        })
    }
}

#[async_trait]
impl LogSource for FakeLog {
    async fn next(
        &mut self,
        flush_bytes: u64,
        flush_interval: Duration,
        idle: Duration,
    ) -> PortResult<Option<LogBatch>> {
        let mut give_up_at = Instant::now() + idle;
        loop {
            self.database.link.enter("next-batch").await?;
            let shared = self.database.shared.clone();
            let committed = shared.committed.notified();
            match self.readable(flush_bytes)? {
                Some(readable) => {
                    let first_seen = Instant::now() + flush_interval;
                    let due = *self.flush_at.get_or_insert(first_seen);
                    if readable.full || Instant::now() >= due {
                        self.flush_at = None;
                        self.next += readable.batch.transactions;
                        return Ok(Some(readable.batch));
                    }
                    give_up_at = due;
                }
                None if Instant::now() >= give_up_at => return Ok(None),
                None => {}
            }
            // Whether something came or the time is up is looked at above.
            let woken = tokio::time::timeout_at(give_up_at, committed).await;
            drop(woken);
        }
    }

    async fn shipped(&mut self, position: &LogPosition) -> PortResult<()> {
        let note = || {
            self.database.state(|state| {
                state.shipped = state.find(position).ok();
                Ok(())
            })
        };
        self.database.link.call("shipped", note).await
    }

    async fn is_drained(&mut self) -> PortResult<bool> {
        let look = || Ok(self.readable(1)?.is_none());
        self.database.link.call("is-drained", look).await
    }
}
