//! The log of a live database: its write-ahead log, transaction by transaction.

mod reader;

use crate::config::{POLL_PAUSE_MS_MAX, POLL_PAUSE_MS_MIN, POLLS_PER_FLUSH};
use crate::{Shared, blocking};
use async_trait::async_trait;
use planb_model::recovery::LogPosition;
use planb_ports::{LogBatch, LogSource, PortResult};
use reader::Reader;
pub use reader::open_wal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// An open log. Everything that was read is in `reader`, which a canceled call
/// leaves whole.
pub struct WalLog {
    reader: Arc<Mutex<Reader>>,
}

impl WalLog {
    /// Opens the log at `start`, or says that it is lost.
    pub async fn open(shared: Arc<Shared>, start: &LogPosition) -> PortResult<Self> {
        let reader = Reader::new(shared, start)?;
        let log = Self {
            reader: Arc::new(Mutex::new(reader)),
        };
        log.with(Reader::attach).await?;
        Ok(log)
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Reader) -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let reader = Arc::clone(&self.reader);
        blocking(move || work(&mut reader.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

/// How long to wait between two looks when a batch is due every `flush_interval`.
fn poll_pause(flush_interval: Duration) -> Duration {
    (flush_interval / POLLS_PER_FLUSH).clamp(
        Duration::from_millis(POLL_PAUSE_MS_MIN),
        Duration::from_millis(POLL_PAUSE_MS_MAX),
    )
}

#[async_trait]
impl LogSource for WalLog {
    async fn next(
        &mut self,
        flush_bytes: u64,
        flush_interval: Duration,
        idle: Duration,
    ) -> PortResult<Option<LogBatch>> {
        let began = Instant::now();
        loop {
            self.with(move |reader| reader.poll(flush_bytes)).await?;
            // No await between taking a batch and returning it: a canceled call
            // has taken nothing.
            let held_back = {
                let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
                let held_back = reader.holds_back();
                if !held_back && let Some(batch) = reader.take_due(flush_bytes, flush_interval) {
                    return Ok(Some(batch));
                }
                if !reader.has_pending() && began.elapsed() >= idle {
                    return Ok(None);
                }
                held_back
            };
            tokio::time::sleep(poll_pause(flush_interval)).await;
            if held_back {
                // The caller tells what became durable before it asks again.
                return Ok(None);
            }
        }
    }

    async fn shipped(&mut self, position: &LogPosition) -> PortResult<()> {
        let position = position.clone();
        self.with(move |reader| {
            reader.shipped(position);
            Ok(())
        })
        .await
    }

    async fn is_drained(&mut self) -> PortResult<bool> {
        self.with(Reader::is_drained).await
    }
}
