//! Operators: one that a scenario makes act at random, and a sane one that
//! looks after what waits for a person.

use crate::control::{Control, Life};
use crate::plan::service;
use crate::scenario::Command;
use crate::world::World;
use futures::future::{Either, select};
use planb_decide::{Fold, fold};
use planb_engine::{Approval, EngineError};
use planb_model::execution::{ExecutionState, JournalEntry, JournalRecord, StepState, Trigger};
use planb_model::runbook::{Action, RunbookKind};
use planb_model::{ExecutionId, StepId};
use planb_ports::Clock;
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// Name the operators act under.
const WHO: &str = "kim";
/// Time between two looks of the sane operator, in seconds.
const LOOK_SECS: u64 = 5;
/// How often something that failed is tried again before it is given up.
const TRIES_MAX: u32 = 3;
/// How long the service may be away, with nothing running, before the operator
/// starts a failover, in seconds.
const PATIENCE_SECS: u64 = 60;
/// Code of a step that says that what was promoted is gone.
const TARGET_LOST_CODE: &str = "PB-ENGINE-TARGET-LOST";
/// Longest wait for an answer of the control plane, in seconds.
const ANSWER_SECS_MAX: u64 = 30;

/// The execution that has not finished, if any.
pub fn unfinished(world: &World) -> Option<Fold> {
    let all = world.store.peek_executions();
    let is_over = |journal: &[JournalRecord]| {
        let last = journal.last().map(|r| &r.entry);
        matches!(last, Some(JournalEntry::Finished { .. }))
    };
    let open = all.iter().filter(|(_, journal)| !is_over(journal));
    let folds = open.map(|(e, journal)| fold(e, journal));
    // A journal that does not fold is found by the watch.
    folds.flatten().find(|f| f.finished().is_none())
}

/// Does what a scenario's operator asks for.
pub async fn ask(world: &World, control: &Control, command: Command) {
    let Some(life) = control.service() else {
        return;
    };
    let open = unfinished(world).map(|f| f.execution().id.clone());
    let result = match (command, open) {
        (Command::Start(kind), _) => start(&life, kind).await.map(drop),
        (Command::Pause, Some(id)) => life.service.pause(&id, WHO).await,
        (Command::Resume, Some(id)) => life.service.resume(&id, WHO).await,
        (Command::Cancel, Some(id)) => life.service.cancel(&id, WHO).await,
        (_, None) => return,
    };
    record(world, &format!("{command:?}"), &result);
}

fn record(world: &World, what: &str, result: &Result<(), EngineError>) {
    let outcome = match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{} {error}", error.code()),
    };
    world
        .trace
        .record("operator", &format!("{what}: {outcome}"));
}

async fn start(life: &Life, kind: RunbookKind) -> Result<ExecutionId, EngineError> {
    let runbook = life.service.plan(kind, None).await?;
    let approval = Approval {
        by: WHO.to_owned(),
        hash: runbook.hash(),
    };
    let trigger = Trigger::Operator {
        who: WHO.to_owned(),
    };
    life.service
        .start(kind, trigger, Some(approval), None)
        .await
}

/// Looks after what waits for a person, for ever. `quiet` tells that the faults
/// have stopped; before, pauses of others are left alone.
pub async fn tend(world: &World, control: &Control, quiet: &Cell<bool>) {
    let mut tries = 0;
    let mut away_since = None;
    loop {
        world.clock.sleep(Duration::from_secs(LOOK_SECS)).await;
        control.start();
        let Some(life) = control.service() else {
            continue;
        };
        let Some(fold) = unfinished(world) else {
            tries = 0;
            if quiet.get() {
                look_after_idle(world, &life, &mut away_since).await;
            }
            continue;
        };
        away_since = None;
        let state = fold.status().state;
        let asked = look_after(&life, &fold, state, quiet.get(), &mut tries);
        let Some(result) = patiently(world, asked).await.flatten() else {
            continue;
        };
        record(world, "tends", &result);
    }
}

/// What a process that was asked answers; `None` when it does not for long: it
/// is frozen, or died meanwhile.
async fn patiently<T>(world: &World, asked: impl Future<Output = T>) -> Option<T> {
    let limit = world.clock.sleep(Duration::from_secs(ANSWER_SECS_MAX));
    match select(pin!(asked), pin!(limit)).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(((), _)) => None,
    }
}

/// Helps an execution that waits for a person; `None` when it does not.
async fn look_after(
    life: &Life,
    fold: &Fold,
    state: ExecutionState,
    quiet: bool,
    tries: &mut u32,
) -> Option<Result<(), EngineError>> {
    let id = &fold.execution().id;
    Some(match state {
        ExecutionState::PendingManualApproval => {
            let hash = fold.execution().hash.clone();
            life.service.approve(id, &hash, WHO).await
        }
        ExecutionState::PausedByOperator if quiet => life.service.resume(id, WHO).await,
        ExecutionState::PausedByFailedStep => {
            *tries += 1;
            if quiet && tries.is_multiple_of(TRIES_MAX + 1) {
                give_up(life, fold).await
            } else {
                life.service.resume(id, WHO).await
            }
        }
        _ => return None,
    })
}

/// Leaves out what cannot be done, or gives up the whole of it as long as that
/// takes everything back.
async fn give_up(life: &Life, fold: &Fold) -> Result<(), EngineError> {
    let id = &fold.execution().id;
    let promoted = fold.was_begun(|a| matches!(a, Action::Promote { .. }));
    let statuses = fold.status().steps;
    let mut codes = statuses.values().filter_map(|s| s.code.as_deref());
    let lost = codes.any(|code| code == TARGET_LOST_CODE);
    if !fold.is_canceled() && (!promoted || lost) {
        return life.service.cancel(id, WHO).await;
    }
    let mut stuck = fold
        .in_state(StepState::Failed)
        .chain(fold.in_state(StepState::Unknown));
    let of_stage = |s: &&StepId| fold.stage().iter().any(|step| &step.id == *s);
    let Some(step) = stuck.find(of_stage) else {
        return life.service.resume(id, WHO).await;
    };
    match life
        .service
        .skip(id, step, WHO, "it cannot be done now")
        .await
    {
        Err(EngineError::NotSkippable { .. }) => life.service.resume(id, WHO).await,
        skipped => skipped,
    }
}

/// Starts a failover when the service stays away and nobody does anything.
async fn look_after_idle(world: &World, life: &Life, away_since: &mut Option<Duration>) {
    let now = world.clock.monotonic();
    if world.outside().answering().is_some() || world.store.peek(&service()).is_none() {
        *away_since = None;
        return;
    }
    let since = *away_since.get_or_insert(now);
    if now - since < Duration::from_secs(PATIENCE_SECS) {
        return;
    }
    *away_since = None;
    if let Some(started) = patiently(world, start(life, RunbookKind::Failover)).await {
        record(world, "starts a failover", &started.map(drop));
    }
}
