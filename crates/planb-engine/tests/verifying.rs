//! Drills without anybody asking: one at a time, told in the status, and given
//! up the moment the service is moved.

mod support;

use async_trait::async_trait;
use planb_model::plan::VerificationPlan;
use planb_model::runbook::RunbookKind;
use planb_model::status::VerificationState;
use planb_ports::{Clock, PortResult, Verified, Verifier};
use planb_testkit::SimClock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::{World, assert_completed};

/// Takes its time for a drill, and counts.
struct SlowVerifier {
    clock: SimClock,
    takes: Duration,
    running: AtomicU32,
    most: AtomicU32,
    done: AtomicU32,
}

/// One drill that runs; dropping it is its end.
struct Running<'a>(&'a SlowVerifier);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Verifier for SlowVerifier {
    async fn verify_next(&self, _: Duration) -> PortResult<Option<Verified>> {
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        let _running = Running(self);
        self.most.fetch_max(now, Ordering::SeqCst);
        self.clock.sleep(self.takes).await;
        let number = self.done.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Verified {
            snapshot: format!("s{number}"),
            at: self.clock.now(),
            passed: number != 1,
            clean: Some(true),
            suspicions: Vec::new(),
            log_to: None,
            seconds: self.takes.as_secs_f64(),
            problems: Vec::new(),
        }))
    }

    async fn last(&self) -> PortResult<Option<Verified>> {
        Ok(None)
    }
}

fn world(takes: Duration) -> (World, Arc<SlowVerifier>) {
    let mut world = World::new();
    let verifier = Arc::new(SlowVerifier {
        clock: world.clock.clone(),
        takes,
        running: AtomicU32::new(0),
        most: AtomicU32::new(0),
        done: AtomicU32::new(0),
    });
    world.verifier = Some(verifier.clone());
    world.plan.data.verification = Some(VerificationPlan {
        interval: Duration::from_secs(60),
    });
    (world, verifier)
}

#[tokio::test(start_paused = true)]
async fn drills_follow_each_other_and_are_told() {
    let (world, verifier) = world(Duration::from_secs(5));
    let life = world.live();
    let last = || life.service.status().verification.last;
    world
        .until("a drill passed", || last().is_some_and(|l| l.passed))
        .await;
    world
        .until("the next one failed", || last().is_some_and(|l| !l.passed))
        .await;
    assert_eq!(verifier.most.load(Ordering::SeqCst), 1);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_drill_runs_beside_a_move_of_the_service() {
    // Longer than any test waits: only a drop ends it.
    let (world, verifier) = world(Duration::from_secs(100_000));
    world.protect(3).await;
    let life = world.live();
    let state = || life.service.status().verification.state;
    world
        .until("a drill runs", || state() == VerificationState::Drilling)
        .await;
    let status = world.run(&life, RunbookKind::Switchover).await;
    assert_completed(&status);
    assert_eq!(verifier.done.load(Ordering::SeqCst), 0);
    assert_eq!(
        verifier.most.load(Ordering::SeqCst),
        1,
        "ended, not joined by another"
    );
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_says_so_has_none() {
    let (mut world, verifier) = world(Duration::from_secs(1));
    world.plan.data.verification = None;
    let life = world.live();
    world.clock.sleep(Duration::from_secs(300)).await;
    assert_eq!(verifier.done.load(Ordering::SeqCst), 0);
    let state = life.service.status().verification.state;
    assert_eq!(state, VerificationState::Off);
    life.end().await;
}
