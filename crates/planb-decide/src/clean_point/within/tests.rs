//! Log of an hour, a stretch a minute.

use super::super::{OrderedValue, Reason, Signal};
use super::*;

const MINUTES: usize = 60;

fn at(minute: usize) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    start + jiff::SignedDuration::from_mins(minute as i64)
}

fn measured(signal: Signal, value: f64) -> Measured {
    Measured {
        signal,
        table: Some("orders".into()),
        value: OrderedValue::new(value),
    }
}

fn window(minute: usize, entropy: f64, updates: f64) -> Window {
    Window {
        at: at(minute),
        end: LogPosition {
            stream: "log".into(),
            at: format!("m{minute:02}"),
            gtid: None,
        },
        bytes: 10_000,
        rows: BTreeMap::new(),
        dropped: Vec::new(),
        measures: vec![
            measured(Signal::Entropy, entropy),
            measured(Signal::Updates, updates),
        ],
        failed_checks: Vec::new(),
    }
}

fn honest(minute: usize) -> Window {
    window(
        minute,
        4.6 + (minute % 5) as f64 / 20.0,
        20.0 + (minute % 3) as f64,
    )
}

fn base(minute: usize) -> Point {
    Point {
        id: "s".into(),
        at: at(minute),
        drilled: Some(true),
        damage: None,
        immutable: Some(true),
        rows: BTreeMap::new(),
        dropped: Vec::new(),
        measures: Vec::new(),
        failed_checks: Vec::new(),
    }
}

/// Ten minutes are known before the snapshot.
fn followed(change: impl Fn(usize, &mut Window), limit: Option<Timestamp>) -> Within {
    let mut windows: Vec<Window> = (0..MINUTES).map(honest).collect();
    for (minute, window) in windows.iter_mut().enumerate() {
        change(minute, window);
    }
    let log = Log {
        windows: windows.split_off(10),
        earlier: windows,
        immutable: None,
    };
    follow(&base(9), &log, limit, &Policy::default())
}

fn reached(within: &Within) -> &str {
    within.to.as_ref().map_or("none", |to| &to.position.at)
}

#[test]
fn quiet_log_is_followed_to_its_end() {
    let within = followed(|_, _| {}, None);
    assert_eq!(reached(&within), "m59", "{within:?}");
    assert!(within.confidence > 0.5 && within.confidence <= CONFIDENCE_MAX);
}

#[test]
fn the_last_stretch_before_ciphertext_is_taken_and_nothing_behind_it() {
    // The attack ends, and what comes after looks honest again.
    let within = followed(
        |minute, window| {
            if (40..45).contains(&minute) {
                *window = self::window(minute, 7.4, 20.0);
            }
        },
        None,
    );
    assert_eq!(reached(&within), "m39");
    let stopped = within.stopped.expect("a reason");
    assert!(
        matches!(stopped.rejected[..], [Reason::OutOfBand { .. }, ..]),
        "{stopped:?}"
    );
}

#[test]
fn a_drip_in_the_log_is_found_near_its_beginning() {
    let within = followed(
        |minute, window| {
            if minute >= 30 {
                *window = self::window(minute, 5.15 + (minute - 30) as f64 * 0.02, 20.0);
            }
        },
        None,
    );
    let to = within.to.expect("a place").at;
    assert!(to >= at(27) && to <= at(33), "{to}");
}

/// Numbers in texts get longer, and words are added: by a real stream beside a
/// growing table, 4.91 to 5.15 bits in two minutes.
#[test]
fn honest_data_that_changes_a_little_for_long_is_followed() {
    let grows = |minute: usize, window: &mut Window| {
        let entropy = if minute < 10 { 4.91 } else { 5.15 };
        *window = self::window(minute, entropy, 20.0);
    };
    let within = followed(grows, None);
    assert_eq!(reached(&within), "m59", "{:?}", within.stopped);
}

#[test]
fn a_drift_is_told_from_the_last_value_that_is_known() {
    let within = followed(
        |minute, window| match minute {
            29 => window.measures.clear(),
            30.. => *window = self::window(minute, 5.15 + (minute - 30) as f64 * 0.02, 20.0),
            _ => {}
        },
        None,
    );
    let stopped = within.stopped.expect("a reason");
    let Reason::Drifts { before, now, .. } = &stopped.rejected[0] else {
        panic!("{stopped:?}");
    };
    assert!(before.get() > 4.5 && now.get() > 5.2, "{stopped:?}");
}

#[test]
fn a_batch_is_said_and_followed() {
    let within = followed(
        |minute, window| {
            if (40..50).contains(&minute) {
                *window = self::window(minute, 4.3, 9_000.0);
            }
        },
        None,
    );
    assert_eq!(reached(&within), "m59", "{:?}", within.stopped);
    assert!(within.noted.len() >= 10);
    assert!(within.confidence < followed(|_, _| {}, None).confidence);
}

#[test]
fn a_dropped_table_and_a_lost_canary_end_it() {
    let dropped = followed(
        |minute, window| match minute {
            15 => drop(window.rows.insert("users".into(), 500)),
            30 => window.dropped.push("users".into()),
            // Nobody knew that one: a temporary table of a migration.
            20 => window.dropped.push("scratch".into()),
            _ => {}
        },
        None,
    );
    assert_eq!(reached(&dropped), "m29", "{:?}", dropped.stopped);
    let canary = followed(
        |minute, window| {
            if minute >= 50 {
                window.failed_checks.push("the canary row is gone".into());
            }
        },
        None,
    );
    assert_eq!(reached(&canary), "m49");
}

#[test]
fn little_log_a_snapshot_that_is_not_clean_and_a_store_that_lets_go_end_it() {
    let log = Log {
        windows: (0..4).map(honest).collect(),
        ..Log::default()
    };
    let policy = Policy::default();
    let within = follow(&base(0), &log, None, &policy);
    assert_eq!((reached(&within), within.confidence), ("none", 0.0));
    assert_eq!(reached(&followed(|_, _| {}, Some(at(25)))), "m24");
    let log = Log {
        windows: (0..MINUTES).map(honest).collect(),
        immutable: Some(false),
        ..Log::default()
    };
    let within = follow(&base(0), &log, None, &policy);
    assert_eq!(reached(&within), "none");
    let reasons = within.stopped.expect("a reason").rejected;
    assert_eq!(reasons, [Reason::NotImmutable]);
}
