//! Waiting, through the clock port only.

use hyper::rt::{Sleep, Timer};
use planb_ports::Clock;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

type BoxSleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The result of `work`, or `None` when it takes longer than `limit`.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.sleep(limit) => None,
    }
}

fn sleep_for(clock: Arc<dyn Clock>, duration: Duration) -> BoxSleep {
    Box::pin(async move { clock.sleep(duration).await })
}

/// Notices that nothing moved for too long, at the cost of one timer per wait
/// instead of one per piece moved.
pub(crate) struct Idle {
    clock: Arc<dyn Clock>,
    limit: Duration,
    waiting_since: Option<Duration>,
    timer: Option<BoxSleep>,
}

impl Idle {
    pub(crate) fn new(clock: Arc<dyn Clock>, limit: Duration) -> Self {
        Self {
            clock,
            limit,
            waiting_since: None,
            timer: None,
        }
    }

    /// Something moved.
    pub(crate) fn moved(&mut self) {
        self.waiting_since = None;
    }

    /// Nothing moved; ready when that has lasted for the limit.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.clock.monotonic();
        let since = *self.waiting_since.get_or_insert(now);
        loop {
            let (clock, limit) = (&self.clock, self.limit);
            let timer = self
                .timer
                .get_or_insert_with(|| sleep_for(clock.clone(), limit));
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            let waited = self.clock.monotonic().saturating_sub(since);
            if waited >= limit {
                return Poll::Ready(());
            }
            // The timer was set for an earlier wait; this one began later.
            self.timer = Some(sleep_for(self.clock.clone(), limit - waited));
        }
    }
}

/// The clock port as hyper wants it.
pub(crate) struct ClockTimer {
    clock: Arc<dyn Clock>,
    /// An instant and the clock's time at it; hyper only uses differences.
    base: (Instant, Duration),
}

impl ClockTimer {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "hyper's timers speak in instants; time itself comes from the port"
        )]
        let base = (Instant::now(), clock.monotonic());
        Self { clock, base }
    }
}

impl Timer for ClockTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        let sleep = sleep_for(self.clock.clone(), duration);
        Box::pin(PortSleep(Mutex::new(sleep)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }

    fn now(&self) -> Instant {
        self.base.0 + self.clock.monotonic().saturating_sub(self.base.1)
    }
}

/// The mutex is never locked by two: it only makes the sleep `Sync`.
struct PortSleep(Mutex<BoxSleep>);

impl Future for PortSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.get_mut().0.get_mut();
        sleep
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
            .poll(cx)
    }
}

impl Sleep for PortSleep {}
