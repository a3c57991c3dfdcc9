//! The way from one process to one fake: delays, losses, partitions, scripted
//! faults, and the crash of the process at this end.
//!
//! A call goes `request -> effect -> answer`. A lost request is `Timeout` and
//! nothing happened; a lost answer is `Timeout` and it did; a late request is
//! `Timeout` and it happens afterwards, when the caller may be dead and others
//! may have acted. The caller cannot tell these apart.

mod weather;

pub use weather::Weather;

use crate::{Incarnation, SeededRandom, Trace, fake_error, lock};
use planb_model::Epoch;
use planb_ports::{ErrorKind, PortError, PortResult, Random};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One scripted fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `Unavailable`; nothing happened.
    Unavailable,
    /// `Timeout`; nothing happened.
    TimeoutBefore,
    /// `Timeout`; it happened.
    TimeoutAfter,
    /// This error; nothing happened.
    Fail(ErrorKind),
    /// It takes this much longer.
    Delay(Duration),
    /// Half of it happens, in the way of the call: an upload loses its end, a
    /// listing its newest objects. Where a call has no halves: `Timeout`, and
    /// nothing happened.
    Torn,
    /// The calling process dies; nothing happened.
    CrashBefore,
    /// The calling process dies; it happened.
    CrashAfter,
}

/// A call: its method, and the epoch it carries, if any.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    method: &'static str,
    epoch: Option<Epoch>,
}

impl From<&'static str> for Call {
    fn from(method: &'static str) -> Self {
        Self {
            method,
            epoch: None,
        }
    }
}

impl From<(&'static str, Epoch)> for Call {
    fn from((method, epoch): (&'static str, Epoch)) -> Self {
        Self {
            method,
            epoch: Some(epoch),
        }
    }
}

/// The way to a fake. Clones share network state, scripts and counters.
#[derive(Debug, Clone)]
pub struct Link {
    shared: Arc<Shared>,
    incarnation: Incarnation,
}

#[derive(Debug)]
struct Shared {
    name: String,
    trace: Option<Trace>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    up: bool,
    weather: Weather,
    random: SeededRandom,
    script: BTreeMap<(&'static str, u64), Fault>,
    calls: BTreeMap<&'static str, u64>,
}

/// What chance has in store for one call.
struct Roll {
    delay: Duration,
    request_lost: bool,
    answer_lost: bool,
    late_by: Option<Duration>,
}

/// What becomes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Arrives,
    Lost,
    Crash,
    /// There is only half of it.
    Torn,
}

/// How much of a call happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    Whole,
    /// Half of it.
    Half,
}

/// Takes any method in [`Link::script`]: counts all calls of the link.
pub const ANY_METHOD: &str = "*";

impl Link {
    /// Instant, without loss, without a trace.
    pub fn direct() -> Self {
        Self::new("direct", 0, None)
    }

    /// A calm link whose later weather follows `seed`.
    pub fn new(name: impl Into<String>, seed: u64, trace: Option<Trace>) -> Self {
        Self {
            shared: Arc::new(Shared {
                name: name.into(),
                trace,
                state: Mutex::new(State {
                    up: true,
                    weather: Weather::CALM,
                    random: SeededRandom::new(seed),
                    script: BTreeMap::new(),
                    calls: BTreeMap::new(),
                }),
            }),
            incarnation: Incarnation::new(),
        }
    }

    /// The same link, used by another life of the process.
    #[must_use]
    pub fn of(&self, incarnation: &Incarnation) -> Self {
        Self {
            shared: self.shared.clone(),
            incarnation: incarnation.clone(),
        }
    }

    /// Cuts or mends the link.
    pub fn set_up(&self, up: bool) {
        lock(&self.shared.state).up = up;
        self.record(if up { "link up" } else { "link down" });
    }

    /// Whether the link is not cut.
    pub fn is_up(&self) -> bool {
        lock(&self.shared.state).up
    }

    /// Sets the random behaviour.
    pub fn set_weather(&self, weather: Weather) {
        lock(&self.shared.state).weather = weather;
    }

    /// Plans a fault for the `nth` call of `method` (or [`ANY_METHOD`]),
    /// counted from 1 since the link was made.
    pub fn script(&self, method: &'static str, nth: u64, fault: Fault) {
        lock(&self.shared.state).script.insert((method, nth), fault);
    }

    /// How often `method` (or [`ANY_METHOD`]) was called.
    pub fn calls(&self, method: &'static str) -> u64 {
        *lock(&self.shared.state).calls.get(method).unwrap_or(&0)
    }

    /// Makes one call with `effect` at the other end.
    pub async fn call<T>(
        &self,
        call: impl Into<Call>,
        effect: impl FnOnce() -> PortResult<T>,
    ) -> PortResult<T> {
        let call = call.into();
        let answer = self.request(call, None).await?;
        if answer == Answer::Torn {
            return Err(self.lost(call).await);
        }
        self.carry_out(call, effect, answer).await
    }

    /// Makes one call with an `effect` that has halves; `None` is no answer.
    pub async fn call_in_halves<T>(
        &self,
        call: impl Into<Call>,
        effect: impl FnOnce(Share) -> PortResult<Option<T>>,
    ) -> PortResult<T> {
        let call = call.into();
        let answer = self.request(call, None).await?;
        let (share, answer) = match answer {
            Answer::Torn => (Share::Half, Answer::Arrives),
            other => (Share::Whole, other),
        };
        match self.carry_out(call, || effect(share), answer).await? {
            Some(result) => Ok(result),
            None => Err(self.lost(call).await),
        }
    }

    /// Makes one call with an `effect` that may come late: after the caller
    /// was told that there is no answer, and even after it died.
    pub async fn call_or_late<T: Send + 'static>(
        &self,
        call: impl Into<Call>,
        effect: impl FnOnce() -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let call = call.into();
        let roll = self.roll();
        let Some(late_by) = roll.late_by.filter(|_| self.is_up()) else {
            return self.finish(call, effect, roll).await;
        };
        self.incarnation.pass().await;
        let link = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(late_by).await;
            let result = effect();
            link.record(&link.describe(call, "late"));
            link.record_result(call, result.as_ref().err());
        });
        let timeout = Duration::from_millis(lock(&self.shared.state).weather.timeout_ms);
        Err(self.timed_out(call, timeout).await)
    }

    async fn finish<T>(
        &self,
        call: Call,
        effect: impl FnOnce() -> PortResult<T>,
        roll: Roll,
    ) -> PortResult<T> {
        let answer = self.request(call, Some(roll)).await?;
        if answer == Answer::Torn {
            return Err(self.lost(call).await);
        }
        self.carry_out(call, effect, answer).await
    }

    async fn carry_out<T>(
        &self,
        call: Call,
        effect: impl FnOnce() -> PortResult<T>,
        answer: Answer,
    ) -> PortResult<T> {
        let result = effect();
        self.record_result(call, result.as_ref().err());
        self.answer(call, answer).await?;
        result
    }

    async fn lost(&self, call: Call) -> PortError {
        let timeout = Duration::from_millis(lock(&self.shared.state).weather.timeout_ms);
        self.timed_out(call, timeout).await
    }

    /// The request half of a call whose effect takes time; faults after the
    /// effect are not made for these.
    pub async fn enter(&self, call: impl Into<Call>) -> PortResult<()> {
        let call = call.into();
        match self.request(call, None).await? {
            Answer::Arrives => Ok(()),
            lost => self.answer(call, lost).await,
        }
    }

    /// Adds an event to the trace.
    pub fn record(&self, event: &str) {
        if let Some(trace) = &self.shared.trace {
            trace.record(&self.shared.name, event);
        }
    }

    async fn request(&self, call: Call, roll: Option<Roll>) -> PortResult<Answer> {
        self.incarnation.pass().await;
        let fault = self.count(call.method);
        let roll = roll.unwrap_or_else(|| self.roll());
        if !roll.delay.is_zero() {
            tokio::time::sleep(roll.delay).await;
            self.incarnation.pass().await;
        }
        let timeout = Duration::from_millis(lock(&self.shared.state).weather.timeout_ms);
        match fault {
            Some(Fault::Unavailable) => return Err(self.unavailable(call)),
            Some(Fault::TimeoutBefore) => return Err(self.timed_out(call, timeout).await),
            Some(Fault::TimeoutAfter) => return Ok(Answer::Lost),
            Some(Fault::Fail(kind)) => return Err(fake_error(kind, self.describe(call, "failed"))),
            Some(Fault::Delay(more)) => {
                tokio::time::sleep(more).await;
                self.incarnation.pass().await;
            }
            Some(Fault::CrashBefore) => {
                self.crash(call).await;
            }
            Some(Fault::CrashAfter) => return Ok(Answer::Crash),
            Some(Fault::Torn) => return Ok(Answer::Torn),
            None => {}
        }
        if roll.request_lost || !self.is_up() {
            return Err(self.timed_out(call, timeout).await);
        }
        Ok(if roll.answer_lost {
            Answer::Lost
        } else {
            Answer::Arrives
        })
    }

    async fn answer(&self, call: Call, answer: Answer) -> PortResult<()> {
        if answer == Answer::Crash {
            self.crash(call).await;
        }
        let delay = self.roll().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.incarnation.pass().await;
        if matches!(answer, Answer::Lost | Answer::Torn) || !self.is_up() {
            let timeout = Duration::from_millis(lock(&self.shared.state).weather.timeout_ms);
            return Err(self.timed_out(call, timeout).await);
        }
        Ok(())
    }

    async fn crash(&self, call: Call) {
        self.record(&self.describe(call, "crash"));
        self.incarnation.crash();
        self.incarnation.pass().await;
    }

    fn count(&self, method: &'static str) -> Option<Fault> {
        let mut state = lock(&self.shared.state);
        let mut found = None;
        for name in [method, ANY_METHOD] {
            let calls = state.calls.entry(name).or_insert(0);
            *calls += 1;
            let nth = *calls;
            found = found.or(state.script.remove(&(name, nth)));
        }
        found
    }

    /// Always draws the same number of numbers, so that one fault does not
    /// shift the rest.
    fn roll(&self) -> Roll {
        let state = lock(&self.shared.state);
        let draws = [(); 5].map(|()| state.random.next_u64());
        let fraction = |n: u64| (n >> 11) as f64 / (1u64 << 53) as f64;
        let weather = state.weather;
        let up_to = |n: u64, max: u64| Duration::from_millis(n % (max + 1));
        Roll {
            delay: up_to(draws[0], weather.delay_ms_max),
            request_lost: fraction(draws[1]) < weather.lose_request,
            answer_lost: fraction(draws[2]) < weather.lose_answer,
            late_by: (fraction(draws[3]) < weather.late)
                .then(|| up_to(draws[4], weather.late_ms_max)),
        }
    }

    fn unavailable(&self, call: Call) -> PortError {
        self.record(&self.describe(call, "unavailable"));
        fake_error(ErrorKind::Unavailable, self.describe(call, "unavailable"))
    }

    async fn timed_out(&self, call: Call, timeout: Duration) -> PortError {
        self.record(&self.describe(call, "no answer"));
        tokio::time::sleep(timeout).await;
        self.incarnation.pass().await;
        fake_error(ErrorKind::Timeout, self.describe(call, "no answer"))
    }

    fn record_result(&self, call: Call, error: Option<&PortError>) {
        if self.shared.trace.is_none() {
            return;
        }
        let event = match error {
            None => self.describe(call, "ok"),
            Some(error) => self.describe(call, &error.to_string()),
        };
        self.record(&event);
    }

    fn describe(&self, call: Call, what: &str) -> String {
        match call.epoch {
            Some(epoch) => format!("{}({epoch}): {what}", call.method),
            None => format!("{}: {what}", call.method),
        }
    }
}

#[cfg(test)]
mod tests;
