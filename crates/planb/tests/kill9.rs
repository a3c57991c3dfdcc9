//! `kill -9` of the control plane at every point of the journal, for real: a
//! new one resumes, and nothing happens twice.

mod common;

use common::{SITES, Stage, bring_back, kill_site, order_ids, place_order, wait_shipped};
use std::collections::BTreeMap;

const SIGKILL: i32 = 9;

/// Moves the service to and fro; each time the control plane is killed one
/// journal entry later, until a move ends before its crash point.
fn kill_at_every_entry(side: &str) {
    let stage = Stage::new("approve");
    let mut at_home = true;
    let mut orders: Vec<i64> = Vec::new();
    for seq in 1.. {
        let (from, to) = if at_home { (0, 1) } else { (1, 0) };
        let verb = if at_home { "switchover" } else { "failback" };
        let point = format!("{seq}:{side}");
        let up = stage.up(&[("PLANB_CRASH_AT", &point)]);
        let before = stage.wait_protected(SITES[from]);
        let order = 1_000 + i64::from(seq);
        stage.wait("an acknowledged order", || {
            place_order(&stage.edge, order).then_some(())
        });
        orders.push(order);

        let moved = stage.run(&[verb, "--yes"]);
        let survived = moved.status.success();
        if survived {
            assert_eq!(up.stop(), Some(0));
        } else {
            assert_eq!(up.killed_by(), Some(SIGKILL), "at {point}");
            let again = stage.up(&[]);
            finish(&stage, verb, to, before["epoch"].as_u64());
            assert_eq!(again.stop(), Some(0));
        }
        check_end(&stage, &point, to, &orders);
        at_home = !at_home;
        if survived {
            assert!(seq > 10, "a move has more than 10 journal entries");
            return;
        }
    }
}

/// Loses the active site again and again; each time the control plane is
/// killed one journal entry later in the failover.
#[test]
fn killed_at_every_entry_of_a_failover() {
    let stage = Stage::new("manual");
    let mut active = 0;
    let mut orders: Vec<i64> = Vec::new();
    for seq in 1.. {
        let (from, to) = (active, 1 - active);
        let point = format!("{seq}:after");
        let up = stage.up(&[("PLANB_CRASH_AT", &point)]);
        let before = stage.wait_protected(SITES[from]);
        let order = 1_000 + i64::from(seq);
        stage.wait("an acknowledged order", || {
            place_order(&stage.edge, order).then_some(())
        });
        orders.push(order);
        wait_shipped(&stage);
        kill_site(&stage, from);
        let moved = stage.run(&["failover", "--yes"]);
        let survived = moved.status.success();
        let up = if survived {
            up
        } else {
            assert_eq!(up.killed_by(), Some(SIGKILL), "at {point}");
            let again = stage.up(&[]);
            finish(&stage, "failover", to, before["epoch"].as_u64());
            again
        };
        check_end(&stage, &point, to, &orders);
        // Back with its old disk, it has to be fenced before the next round.
        bring_back(&stage, from);
        stage.wait("the fence", || is_fenced(&stage, from).then_some(()));
        assert_eq!(up.stop(), Some(0));
        active = to;
        if survived {
            assert!(seq > 10, "a failover has more than 10 journal entries");
            return;
        }
    }
}

fn is_fenced(stage: &Stage, site: usize) -> bool {
    let path = stage.dir.path().join(SITES[site]).join("orders.db");
    let Ok(connection) = rusqlite::Connection::open(path) else {
        return false;
    };
    let written = connection.execute("INSERT INTO orders VALUES (1, 'x', 1)", []);
    written.is_err_and(|e| e.to_string().contains("PB-FENCED"))
}

/// Waits until the interrupted move has ended; begins it if it was not opened.
fn finish(stage: &Stage, verb: &str, to: usize, epoch_before: Option<u64>) {
    let status = stage.wait("a control plane", || stage.status());
    let moved = status["epoch"].as_u64() != epoch_before;
    if status["execution"].is_null() && !moved {
        let begun = stage.run(&[verb, "--yes"]);
        assert!(
            begun.status.success(),
            "{}",
            String::from_utf8_lossy(&begun.stderr)
        );
    } else if status["execution"]["state"] == "pendingManualApproval" {
        let id = status["execution"]["execution"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let hash = status["execution"]["execution"]["hash"]
            .as_str()
            .expect("a hash")
            .to_owned();
        let approved = stage.run(&["approve", &id, "--hash", &hash]);
        assert!(
            approved.status.success(),
            "{}",
            String::from_utf8_lossy(&approved.stderr)
        );
    }
    let end = stage.wait_protected(SITES[to]);
    let expected = epoch_before.map(|epoch| epoch + 1);
    assert_eq!(end["epoch"].as_u64(), expected, "one move is one epoch");
}

fn check_end(stage: &Stage, point: &str, to: usize, orders: &[i64]) {
    let history = stage.json(&["history", "--json"]);
    let newest = &history[0];
    assert_eq!(newest["state"], "completed", "at {point}: {newest}");
    let id = newest["execution"]["id"].as_str().expect("an id");
    let whole = stage.json(&["history", id, "--json"]);
    let mut completed: BTreeMap<&str, u32> = BTreeMap::new();
    for record in whole["journal"].as_array().expect("a journal") {
        let entry = &record["entry"];
        if entry["kind"] == "outcome" && entry["outcome"]["kind"] == "completed" {
            *completed
                .entry(entry["step"].as_str().expect("a step"))
                .or_default() += 1;
        }
    }
    let steps = newest["execution"]["runbook"]["steps"]
        .as_array()
        .expect("steps");
    assert_eq!(completed.len(), steps.len(), "at {point}");
    for (step, times) in completed {
        assert_eq!(times, 1, "at {point}: {step} completed {times} times");
    }
    // The old site does not serve, the new one has every acknowledged order once.
    assert_eq!(
        order_ids(&stage.origins[1 - to]),
        None,
        "at {point}: both sites serve"
    );
    let there = stage.wait("the new site", || order_ids(&stage.origins[to]));
    assert_eq!(there, orders, "at {point}");
}

#[test]
fn killed_before_every_journal_entry() {
    kill_at_every_entry("before");
}

#[test]
fn killed_after_every_journal_entry() {
    kill_at_every_entry("after");
}
