//! Reads the source's log into the queue. Never waits for the vault while there
//! is room.

use super::BACKLOG_BATCH_SECS;
use super::Backlog;
use crate::protect::{Run, SnapshotNeeded};
use crate::retry::Backoff;
use crate::ship::require_next;
use planb_model::recovery::LogPosition;
use planb_ports::repository::ProtectEvent;
use planb_ports::{ErrorKind, LogBatch, LogSource, PortError, PortResult};
use std::time::Duration;

/// An open log.
struct Open {
    source: Box<dyn LogSource>,
    /// Of the queue when it was opened.
    generation: u64,
    /// What the source knows to be durable.
    told: Option<LogPosition>,
}

impl Backlog<'_> {
    /// Reads until the log is lost or something does not pass by itself.
    pub(crate) async fn feed(&self, run: &Run<'_>) -> PortResult<SnapshotNeeded> {
        let mut backoff = Backoff::default();
        let mut open: Option<Open> = None;
        loop {
            let generation = self.queue().generation;
            open = open.filter(|open| open.generation == generation);
            if let Some(open) = &mut open {
                self.acknowledge(run, open).await;
            }
            if !self.queue().has_room() {
                self.freed.notified().await;
                continue;
            }
            let read = match &mut open {
                None => match self.open_log(run, generation).await {
                    Ok(opened) => {
                        open = Some(opened);
                        continue;
                    }
                    Err(e) => Err(e),
                },
                // Not broken off when something becomes durable: it returns soon
                // enough for that to be told to the source.
                Some(open) => self.next(&mut *open.source).await,
            };
            match read {
                Ok(None) => backoff.reset(),
                Ok(Some(batch)) => {
                    backoff.reset();
                    self.push(generation, &batch).await?;
                }
                Err(e) if e.kind() == ErrorKind::LogLost => return Ok(self.lost(run, &e).await),
                Err(e) => {
                    run.again(&mut backoff, e).await?;
                    open = None;
                }
            }
        }
    }

    async fn open_log(&self, run: &Run<'_>, generation: u64) -> PortResult<Open> {
        let position = self.queue().position.clone();
        Ok(Open {
            source: run.database.open_log(&position).await?,
            generation,
            told: None,
        })
    }

    /// One batch; one that gathers for longer while the vault does not keep up.
    async fn next(&self, source: &mut dyn LogSource) -> PortResult<Option<LogBatch>> {
        let options = &self.vault.options;
        let mut interval = options.flush_interval;
        if self.queue().is_on_disk() {
            interval = interval.max(Duration::from_secs(BACKLOG_BATCH_SECS));
        }
        let bytes = options.flush_bytes;
        source.next(bytes, interval, options.flush_interval).await
    }

    /// Lets the source forget what the vault has: never what only waits.
    async fn acknowledge(&self, run: &Run<'_>, open: &mut Open) {
        let durable = self.queue().durable.clone();
        if open.told.as_ref() == Some(&durable) {
            return;
        }
        match open.source.shipped(&durable).await {
            Ok(()) => open.told = Some(durable),
            // Only lets the database forget; the next call says it again.
            Err(e) => run.retrying(&e, Duration::ZERO),
        }
    }

    pub(super) async fn push(&self, generation: u64, batch: &LogBatch) -> PortResult<()> {
        let (head, position) = {
            let queue = self.queue();
            if queue.generation != generation {
                return Ok(());
            }
            (queue.head.clone(), queue.position.clone())
        };
        require_next(batch, &position)?;
        let encoded = self.vault.encode_batch(&head, batch).await?;
        {
            let mut queue = self.queue();
            // Dropped meanwhile: it is read again.
            if queue.generation != generation {
                return Ok(());
            }
            queue.push(encoded);
        }
        self.pushed.notify_one();
        self.look.notify_one();
        Ok(())
    }

    /// What was read before the log was lost is shipped before the snapshot.
    async fn lost(&self, run: &Run<'_>, error: &PortError) -> SnapshotNeeded {
        let reason = error.to_string();
        run.control.event(ProtectEvent::LogLost {
            reason: reason.clone(),
        });
        while !self.queue().is_empty() {
            self.freed.notified().await;
        }
        SnapshotNeeded(reason)
    }
}
