//! The outside probe: looks at the service as its users do, through the edge,
//! and notes what it saw and when.

use planb_model::drill::ProbeSample;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Time between two looks, in milliseconds: the resolution of the measured RTO.
const LOOK_INTERVAL_MS: u64 = 25;

/// Longest wait for one look, in milliseconds.
const LOOK_TIMEOUT_MS: u64 = 1_000;

/// Samples are thinned to changes and to one per this many seconds.
const SAMPLE_GAP_SECONDS: f64 = 0.5;

/// The demo's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    started: Instant,
    wall: jiff::Timestamp,
}

impl Stopwatch {
    /// Starts at zero.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            wall: jiff::Timestamp::now(),
        }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// When the stopwatch was started, by the wall clock.
    pub fn started_at(&self) -> jiff::Timestamp {
        self.wall
    }

    /// Seconds from the start to a moment of the wall clock (journal times).
    pub fn seconds_at(&self, moment: jiff::Timestamp) -> f64 {
        moment.duration_since(self.wall).as_secs_f64()
    }
}

/// An HTTP client that opens a connection for every request and follows no redirects.
pub fn http_client(timeout: Duration) -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap_or_default()
}

/// One look.
#[derive(Debug, Clone, PartialEq)]
struct Look {
    at: Duration,
    status: u16,
    site: Option<String>,
}

impl Look {
    fn is_good(&self) -> bool {
        self.status == 200 && self.site.is_some()
    }
}

/// A running outside probe.
pub struct OutsideProbe {
    looks: Arc<Mutex<Vec<Look>>>,
    stop: CancellationToken,
}

impl OutsideProbe {
    /// Starts looking at `edge`.
    pub fn start(edge: &str, watch: Stopwatch) -> Self {
        let looks: Arc<Mutex<Vec<Look>>> = Arc::default();
        let stop = CancellationToken::new();
        let task = look_until(
            format!("{edge}/healthz"),
            watch,
            Arc::clone(&looks),
            stop.clone(),
        );
        tokio::spawn(task);
        Self { looks, stop }
    }

    /// The first good answer by `site` that began after `after`.
    pub fn first_good(&self, site: &str, after: Duration) -> Option<Duration> {
        self.lock()
            .iter()
            .find(|l| l.at >= after && l.is_good() && l.site.as_deref() == Some(site))
            .map(|l| l.at)
    }

    /// Longest time between two good answers after `after`.
    pub fn longest_gap(&self, after: Duration) -> Duration {
        let looks = self.lock();
        let good: Vec<Duration> = looks
            .iter()
            .filter(|l| l.at >= after && l.is_good())
            .map(|l| l.at)
            .collect();
        good.windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]))
            .max()
            .unwrap_or_default()
    }

    /// What was seen, thinned, in seconds after `onset`.
    pub fn samples(&self, onset: Duration) -> Vec<ProbeSample> {
        let mut samples: Vec<ProbeSample> = Vec::new();
        for look in self.lock().iter() {
            let sample = ProbeSample {
                at_seconds: look.at.as_secs_f64() - onset.as_secs_f64(),
                status: look.status,
                site: look.site.clone(),
            };
            let keep = samples.last().is_none_or(|last| {
                (last.status, &last.site) != (sample.status, &sample.site)
                    || sample.at_seconds - last.at_seconds >= SAMPLE_GAP_SECONDS
            });
            if keep {
                samples.push(sample);
            }
        }
        samples
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Look>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OutsideProbe {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn look_until(
    url: String,
    watch: Stopwatch,
    looks: Arc<Mutex<Vec<Look>>>,
    stop: CancellationToken,
) {
    let client = http_client(Duration::from_millis(LOOK_TIMEOUT_MS));
    let mut ticks = tokio::time::interval(Duration::from_millis(LOOK_INTERVAL_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let answer = client.get(&url).send().await;
        // The answer counts when it came, not when it was asked for.
        let at = watch.elapsed();
        let look = match answer {
            Ok(answer) => Look {
                at,
                status: answer.status().as_u16(),
                site: answer
                    .headers()
                    .get("x-planb-site")
                    .and_then(|v| v.to_str().ok())
                    .map(str::to_owned),
            },
            Err(_) => Look {
                at,
                status: 0,
                site: None,
            },
        };
        looks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(look);
    }
}
