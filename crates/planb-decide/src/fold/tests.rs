//! Journals that can be and journals that cannot.

use super::*;
use crate::next::{Next, next};
use crate::testing::{Story, step_id};
use crate::waiting::WaitingOn;
use planb_model::execution::{JournalEntry, StepOutcome, Trigger};
use planb_model::runbook::{Phase, RunbookHash, RunbookKind};

const BY: &str = "kim";

fn by() -> String {
    BY.to_owned()
}

fn skip(step: &str) -> JournalEntry {
    JournalEntry::StepSkipped {
        step: step_id(step),
        by: by(),
        reason: "seen by hand".to_owned(),
    }
}

fn ready(story: &Story) -> Vec<String> {
    let ready = next(&story.fold()).ready;
    ready.iter().map(ToString::to_string).collect()
}

fn state(story: &Story) -> ExecutionState {
    story.fold().status().state
}

fn finished(state: ExecutionState) -> JournalEntry {
    JournalEntry::Finished { state }
}

fn run_all(story: &mut Story) {
    loop {
        let next = next(&story.fold());
        if let Some(state) = next.finish {
            story.write(finished(state));
            return;
        }
        assert!(!next.ready.is_empty(), "stuck: {next:?}");
        for step in next.ready {
            story.complete(step.as_str());
        }
    }
}

#[test]
fn a_failover_runs_its_branches_side_by_side_and_completes() {
    let mut story = Story::opened(RunbookKind::Failover);
    assert_eq!(state(&story), ExecutionState::PendingManualApproval);
    assert!(matches!(
        next(&story.fold()).waiting[..],
        [WaitingOn::Approval { .. }]
    ));
    story = Story::approved(RunbookKind::Failover);
    assert_eq!(state(&story), ExecutionState::Pending);
    assert_eq!(ready(&story), ["claim-epoch"]);
    story.complete("claim-epoch");
    assert_eq!(ready(&story), ["shed-traffic", "close-log", "fence-site"]);
    run_all(&mut story);
    assert_eq!(state(&story), ExecutionState::Completed);
    assert_eq!(next(&story.fold()), Next::default());
}

#[test]
fn a_failed_step_stops_its_branch_only_and_then_the_execution_waits() {
    let mut story = Story::approved(RunbookKind::Failover);
    story.complete("claim-epoch").fail("fence-site", "PB-X");
    assert_eq!(ready(&story), ["shed-traffic", "close-log"]);
    assert_eq!(state(&story), ExecutionState::InProgress);
    for step in ["shed-traffic", "close-log", "restore", "verify-restored"] {
        story.complete(step);
    }
    assert_eq!(ready(&story), [""; 0]);
    assert_eq!(state(&story), ExecutionState::PausedByFailedStep);
    let failed = WaitingOn::Failed {
        step: step_id("fence-site"),
    };
    assert_eq!(next(&story.fold()).waiting, [failed]);
    story.write(JournalEntry::Resumed { by: by() });
    assert_eq!(ready(&story), ["fence-site"]);
    run_all(&mut story);
    assert_eq!(state(&story), ExecutionState::CompletedWithExceptions);
}

#[test]
fn unknown_is_not_success() {
    let mut story = Story::approved(RunbookKind::Failover);
    let (code, error) = ("PB-T".to_owned(), "no answer".to_owned());
    story.begin("claim-epoch");
    story.end("claim-epoch", StepOutcome::Unknown { code, error });
    assert_eq!(state(&story), ExecutionState::PausedByFailedStep);
    assert_eq!(ready(&story), [""; 0]);
}

#[test]
fn what_makes_a_promotion_safe_cannot_be_skipped() {
    for step in ["fence-site", "close-log"] {
        let mut story = Story::approved(RunbookKind::Failover);
        story
            .complete("claim-epoch")
            .fail(step, "PB-X")
            .write(skip(step));
        assert!(
            matches!(story.try_fold(), Err(FoldError::BadSkip(..))),
            "{step}"
        );
    }
    let mut story = Story::approved(RunbookKind::Failover);
    story.complete("claim-epoch").fail("shed-traffic", "PB-X");
    story.write(skip("shed-traffic"));
    run_all(&mut story);
    assert_eq!(state(&story), ExecutionState::CompletedWithExceptions);
}

#[test]
fn giving_up_before_the_point_of_no_return_takes_everything_back() {
    let mut story = Story::approved(RunbookKind::Switchover);
    for step in [
        "restore-ahead",
        "claim-epoch",
        "shed-traffic",
        "stop-workload",
    ] {
        story.complete(step);
    }
    story.complete("fence-database").begin("drain-log");
    story.write(JournalEntry::Canceled { by: by() });
    assert_eq!(ready(&story), [""; 0], "what runs ends first");
    let facts = serde_json::json!({});
    story.end("drain-log", StepOutcome::Completed { facts });
    let undo: Vec<String> = story
        .fold()
        .stage()
        .iter()
        .map(|s| s.id.to_string())
        .collect();
    assert_eq!(
        undo,
        [
            "undo-activate",
            "undo-promote",
            "undo-start-workload",
            "undo-switch-traffic"
        ]
    );
    let sites = story.fold().stage().iter().all(|s| {
        serde_json::to_string(&s.action)
            .expect("serializes")
            .contains("seoul")
    });
    assert!(sites, "everything goes back to the source");
    run_all(&mut story);
    assert_eq!(state(&story), ExecutionState::Canceled);
}

#[test]
fn giving_up_takes_back_only_what_was_begun() {
    let mut story = Story::approved(RunbookKind::Switchover);
    story.complete("restore-ahead");
    story.write(JournalEntry::Canceled { by: by() });
    assert_eq!(next(&story.fold()).finish, Some(ExecutionState::Canceled));
    let mut unapproved = Story::opened(RunbookKind::Failover);
    unapproved.write(JournalEntry::Canceled { by: by() });
    assert_eq!(
        next(&unapproved.fold()).finish,
        Some(ExecutionState::Canceled)
    );
}

#[test]
fn nothing_is_taken_back_after_the_point_of_no_return() {
    let mut story = Story::approved(RunbookKind::Failover);
    for step in [
        "claim-epoch",
        "shed-traffic",
        "close-log",
        "fence-site",
        "restore",
    ] {
        story.complete(step);
    }
    story.complete("verify-restored").fail("promote", "PB-X");
    story.write(JournalEntry::Canceled { by: by() });
    assert_eq!(story.fold().stage().len(), 0);
    assert_eq!(next(&story.fold()).finish, Some(ExecutionState::Failed));
}

#[test]
fn a_newer_epoch_ends_it_and_nothing_is_taken_back() {
    let mut story = Story::approved(RunbookKind::Failover);
    story.complete("claim-epoch").begin("close-log");
    story.fail("fence-site", FENCED_CODE);
    assert_eq!(ready(&story), [""; 0]);
    assert_eq!(next(&story.fold()).finish, None, "what runs ends first");
    let facts = serde_json::json!({});
    story.end("close-log", StepOutcome::Completed { facts });
    assert_eq!(next(&story.fold()).finish, Some(ExecutionState::Failed));
}

#[test]
fn a_pause_stops_new_steps_only() {
    let mut story = Story::approved(RunbookKind::Failover);
    story
        .begin("claim-epoch")
        .write(JournalEntry::Paused { by: by() });
    let facts = serde_json::json!({});
    story.end("claim-epoch", StepOutcome::Completed { facts });
    assert_eq!(state(&story), ExecutionState::PausedByOperator);
    assert_eq!(ready(&story), [""; 0]);
    let resumed = JournalEntry::Resumed { by: by() };
    story.write(resumed);
    assert_eq!(ready(&story).len(), 3);
}

#[test]
fn a_step_that_was_begun_can_be_begun_again_after_a_crash() {
    let mut story = Story::approved(RunbookKind::Failover);
    story.begin("claim-epoch").begin("claim-epoch");
    assert_eq!(next(&story.fold()).running, [step_id("claim-epoch")]);
    let status = story.fold().status();
    assert_eq!(status.steps[&step_id("claim-epoch")].attempts, 2);
}

#[test]
fn journals_that_cannot_be_are_refused() {
    type Break = fn(&mut Story);
    let cases: [(&str, Break); 12] = [
        ("a gap", |s| s.journal[0].seq = 2),
        ("no approval", |s| s.journal.clear_then("claim-epoch")),
        ("an outcome without intent", |s| {
            let facts = serde_json::json!({});
            s.end("claim-epoch", StepOutcome::Completed { facts });
        }),
        ("an intent before its needs", |s| {
            s.begin("promote");
        }),
        ("an unknown step", |s| {
            s.begin("nothing");
        }),
        ("an intent after the outcome", |s| {
            s.complete("claim-epoch").begin("claim-epoch");
        }),
        ("another hash", |s| {
            let (by, hash) = (by(), RunbookHash("0".repeat(64)));
            s.journal.clear();
            s.write(JournalEntry::Approved { by, hash });
        }),
        ("a second approval", |s| {
            let entry = s.journal[0].entry.clone();
            s.write(entry);
        }),
        ("an early end", |s| {
            s.write(finished(ExecutionState::Completed));
        }),
        ("an intent after giving up", |s| {
            s.write(JournalEntry::Canceled { by: by() })
                .begin("claim-epoch");
        }),
        ("an intent in a pause", |s| {
            s.write(JournalEntry::Paused { by: by() })
                .begin("claim-epoch");
        }),
        ("resuming what runs", |s| {
            s.write(JournalEntry::Resumed { by: by() });
        }),
    ];
    for (name, change) in cases {
        let mut story = Story::approved(RunbookKind::Failover);
        change(&mut story);
        assert!(story.try_fold().is_err(), "{name}");
    }
    let mut story = Story::approved(RunbookKind::Failover);
    run_all(&mut story);
    story.write(JournalEntry::Paused { by: by() });
    assert!(matches!(story.try_fold(), Err(FoldError::AfterEnd(_))));
    let mut story = Story::approved(RunbookKind::Failover);
    story.execution.runbook.steps.pop();
    assert_eq!(story.try_fold().err(), Some(FoldError::WrongHash));
}

/// Leaves only the intent of a step in a journal.
trait ClearThen {
    fn clear_then(&mut self, step: &str);
}

impl ClearThen for Vec<JournalRecord> {
    fn clear_then(&mut self, step: &str) {
        let mut only = self[0].clone();
        only.entry = JournalEntry::Intent {
            step: step_id(step),
            attempt: 1,
        };
        *self = vec![only];
    }
}

#[test]
fn phases_join_without_gaps() {
    let mut story = Story::approved(RunbookKind::Failover);
    story.execution.trigger = Trigger::Detector {
        first_failure_at: crate::testing::at(-5_000),
        declared_at: crate::testing::at(-500),
        why: planb_model::Text::new("4 of 5 say DOWN", "5개 중 4개가 DOWN"),
    };
    run_all(&mut story);
    let phases = story.fold().status().phases;
    // Entry n is written at n seconds; check-health ends with entry 19.
    assert!((phases[&Phase::Detect] - 4.5).abs() < 1e-9);
    assert!((phases[&Phase::Decide] - 1.5).abs() < 1e-9);
    assert!((phases[&Phase::Execute] - 18.0).abs() < 1e-9);
    assert!((phases[&Phase::Traffic] - 6.0).abs() < 1e-9);
}
