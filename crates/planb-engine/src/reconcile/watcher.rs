//! Judges the active site by what the observers see, and asks for a failover
//! when it is lost: by itself, for an approval, or not at all, as the plan says.

use super::observer;
use crate::shared::{Judged, Shared};
use crate::{Approval, EngineError, service};
use jiff::Timestamp;
use planb_decide::health::{Judgement, LossPolicy, ObserverState, judge};
use planb_decide::protection::data_check;
use planb_model::SiteName;
use planb_model::execution::Trigger;
use planb_model::observation::Observation;
use planb_model::plan::FailoverMode;
use planb_model::runbook::RunbookKind;
use planb_model::status::Verdict;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Who approves when nobody has to.
const AUTOMATIC: &str = "automatic";
/// Who withdraws a failover that is not needed any more.
const DETECTOR: &str = "detector";
/// Rounds that may wait to be judged; observers wait when it is full.
const ROUNDS_WAITING_MAX: usize = 64;
/// Time between two judgements without a round: silence has to be noticed.
const JUDGE_MS: u64 = 250;

pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let (send, mut rounds) = mpsc::channel(ROUNDS_WAITING_MAX);
    let mut observers = JoinSet::new();
    for ports in shared.ports.observers.clone() {
        observers.spawn(observer::run(shared.clone(), ports, send.clone()));
    }
    let mut watcher = Watcher::new(&shared);
    loop {
        tokio::select! {
            biased;
            Some(round) = rounds.recv() => watcher.take(&round),
            Some(_) = observers.join_next() => {
                return Err(EngineError::Panicked("an observer"));
            }
            () = shared.ports.clock.sleep(Duration::from_millis(JUDGE_MS)) => {}
        }
        watcher.judge().await;
    }
}

struct Watcher<'a> {
    shared: &'a Arc<Shared>,
    policy: LossPolicy,
    site: Option<SiteName>,
    states: BTreeMap<String, ObserverState>,
    /// Whether a loss may ask for a failover: once per outage, and of a site
    /// that became active by a move only after it was seen to be well.
    armed: bool,
    /// When the data check first agreed that the site is lost.
    declared_at: Option<Timestamp>,
}

impl<'a> Watcher<'a> {
    fn new(shared: &'a Arc<Shared>) -> Self {
        Self {
            shared,
            policy: LossPolicy::from_plan(&shared.ports.plan.health),
            site: None,
            states: BTreeMap::new(),
            armed: true,
            declared_at: None,
        }
    }

    /// Starts over when another site became active.
    fn follow_active(&mut self) {
        let active = self.shared.record().map(|r| r.active);
        if active == self.site {
            return;
        }
        if self.site.is_some() {
            self.armed = false;
        }
        let observers = &self.shared.ports.observers;
        self.states = match &active {
            Some(site) => observers
                .iter()
                .map(|o| (o.name.clone(), ObserverState::new(site.clone())))
                .collect(),
            None => BTreeMap::new(),
        };
        self.site = active;
        self.declared_at = None;
    }

    fn take(&mut self, round: &Observation) {
        self.follow_active();
        if let Some(state) = self.states.get_mut(&round.observer) {
            state.apply(round, &self.policy);
        }
    }

    async fn judge(&mut self) {
        self.follow_active();
        let ports = &self.shared.ports;
        let now = ports.clock.now();
        let data = {
            let view = self.shared.protection.borrow();
            let silent = view
                .canary_seen_at
                .map(|at| ports.clock.monotonic().saturating_sub(at));
            data_check(view.recoverable, silent, &ports.plan.data)
        };
        let judgement = judge(&self.states, &self.policy, &data, now);
        self.publish(&judgement);
        if judgement.verdict == Verdict::Up {
            self.armed = true;
            self.declared_at = None;
            self.withdraw().await;
        }
        if judgement.promote && self.armed {
            self.ask_for_failover(&judgement, now).await;
        }
    }

    fn publish(&self, judgement: &Judgement) {
        let Some(site) = &self.site else { return };
        let mut turned = false;
        self.shared.judgement.send_modify(|known| {
            let key = |j: &Judgement| (j.verdict, j.shed, j.promote);
            let before = known.as_ref().filter(|judged| &judged.site == site);
            turned = before.map(|judged| key(&judged.judgement)) != Some(key(judgement));
            *known = Some(Judged {
                site: site.clone(),
                judgement: judgement.clone(),
            });
        });
        if turned {
            tracing::info!(verdict = ?judgement.verdict, why = %judgement.why, "verdict");
            self.shared.wake();
        }
    }

    async fn ask_for_failover(&mut self, judgement: &Judgement, now: Timestamp) {
        let shared = self.shared;
        let declared_at = *self.declared_at.get_or_insert(now);
        if shared.moving().is_some() {
            return;
        }
        let trigger = Trigger::Detector {
            first_failure_at: judgement.first_failure_at.unwrap_or(declared_at),
            declared_at,
            why: judgement.why.clone(),
        };
        let asked = match shared.ports.plan.failover.mode {
            FailoverMode::Manual => {
                tracing::warn!(why = %judgement.why, "the site is lost; an operator has to start a failover");
                self.armed = false;
                return;
            }
            FailoverMode::Approve => start(shared, trigger, None).await,
            FailoverMode::Automatic => start(shared, trigger, Some(AUTOMATIC)).await,
        };
        match asked {
            Ok(()) => self.armed = false,
            Err(error) => {
                tracing::error!(code = error.code(), %error, "the failover did not start, it is tried again");
            }
        }
    }

    /// A failover that still waits for an approval is not needed any more when
    /// the site is well again.
    async fn withdraw(&self) {
        let Some(fold) = self.shared.moving() else {
            return;
        };
        let execution = fold.execution();
        let ours = matches!(execution.trigger, Trigger::Detector { .. });
        if !ours || fold.is_approved() || fold.is_canceled() {
            return;
        }
        let id = execution.id.clone();
        match service::commands::cancel(self.shared, &id, DETECTOR).await {
            Ok(()) => {
                tracing::info!(execution = %id, "the site is well again, the failover is withdrawn")
            }
            Err(error) => tracing::warn!(execution = %id, %error, "the failover was not withdrawn"),
        }
    }
}

async fn start(
    shared: &Arc<Shared>,
    trigger: Trigger,
    by: Option<&str>,
) -> Result<(), EngineError> {
    let runbook = service::commands::plan(shared, RunbookKind::Failover, None).await?;
    let approval = by.map(|by| Approval {
        by: by.to_owned(),
        hash: runbook.hash(),
    });
    service::commands::open(shared, runbook, trigger, approval).await?;
    Ok(())
}
