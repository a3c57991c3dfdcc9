//! The load generator: places orders through the edge at a steady rate and
//! writes every acknowledgement into the ledger.

use super::ledger::{LIVE_ID_FIRST, Ledger, order_for};
use super::watch::{Stopwatch, http_client};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Orders that are placed side by side.
const WORKERS: u32 = 4;

/// Longest wait for an acknowledgement, in milliseconds. An order without one
/// is not acknowledged, whatever became of it.
const ANSWER_TIMEOUT_MS: u64 = 2_000;

/// A running load generator.
pub struct Load {
    stop: CancellationToken,
    workers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    /// Starts placing `rate` orders a second at `edge`.
    pub fn start(edge: &str, rate: u32, ledger: &Arc<Ledger>, watch: Stopwatch) -> Self {
        let next_id = Arc::new(AtomicI64::new(LIVE_ID_FIRST));
        let stop = CancellationToken::new();
        let period = Duration::from_secs_f64(f64::from(WORKERS) / f64::from(rate.max(1)));
        let workers = (0..WORKERS)
            .map(|_| {
                let worker = Worker {
                    url: format!("{edge}/orders"),
                    client: http_client(Duration::from_millis(ANSWER_TIMEOUT_MS)),
                    next_id: Arc::clone(&next_id),
                    ledger: Arc::clone(ledger),
                    watch,
                };
                tokio::spawn(worker.run(period, stop.clone()))
            })
            .collect();
        Self { stop, workers }
    }

    /// Stops placing orders and waits for the ones under way.
    pub async fn stop(self) {
        self.stop.cancel();
        for worker in self.workers {
            if let Err(error) = worker.await {
                tracing::error!(%error, "a load worker failed");
            }
        }
    }
}

struct Worker {
    url: String,
    client: reqwest::Client,
    next_id: Arc<AtomicI64>,
    ledger: Arc<Ledger>,
    watch: Stopwatch,
}

impl Worker {
    async fn run(self, period: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => self.place_order().await,
            }
        }
    }

    async fn place_order(&self) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let answer = self
            .client
            .post(&self.url)
            .json(&order_for(id))
            .send()
            .await;
        // Only 201 is an acknowledgement; everything else means "not known".
        if let Ok(answer) = answer
            && answer.status() == reqwest::StatusCode::CREATED
        {
            let site = answer
                .headers()
                .get("x-planb-site")
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
                .to_owned();
            self.ledger.acknowledge(id, self.watch.elapsed(), site);
        }
    }
}
