//! The life of a protected service through the command line: up, status, dry
//! run, approval by hash, move, lost site, history, stop.

mod common;

use common::{Stage, bring_back, kill_site, order_ids, place_order, wait_shipped};

#[test]
fn a_service_moves_by_an_approved_hash_and_comes_home() {
    let stage = Stage::new("approve");
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    stage.wait("an order", || place_order(&stage.edge, 1).then_some(()));

    let planned = stage.json(&["switchover", "--dry-run", "--json"]);
    let again = stage.json(&["switchover", "--dry-run", "--json"]);
    assert_eq!(
        planned["hash"], again["hash"],
        "planning twice is planning once"
    );
    assert_eq!(
        stage.status().expect("status")["epoch"],
        1,
        "a dry run changes nothing"
    );

    let hash = planned["hash"].as_str().expect("a hash");
    let moved = stage.json(&["switchover", "--approve", &hash[..12], "--json"]);
    assert_eq!(moved["status"]["state"], "completed");
    assert_eq!(moved["status"]["execution"]["hash"], hash);
    stage.wait_protected("busan");
    assert_eq!(order_ids(&stage.edge), Some(vec![1]));
    assert!(place_order(&stage.edge, 2));

    let stale = stage.run(&["failback", "--approve", &hash[..12]]);
    assert_eq!(stale.status.code(), Some(1), "an old hash approves nothing");
    let home = stage.json(&["failback", "--yes", "--json"]);
    assert_eq!(home["status"]["state"], "completed");
    stage.wait_protected("seoul");
    assert_eq!(order_ids(&stage.edge), Some(vec![1, 2]));
    assert_eq!(up.stop(), Some(0));

    let offline = stage.json(&["history", "--json"]);
    assert_eq!(
        offline.as_array().map(Vec::len),
        Some(2),
        "history without a control plane"
    );
}

#[test]
fn a_lost_site_waits_for_approval_and_loses_nothing_that_was_shipped() {
    let stage = Stage::new("approve");
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    for id in 1..=20 {
        stage.wait("an order", || place_order(&stage.edge, id).then_some(()));
    }
    wait_shipped(&stage);
    kill_site(&stage, 0);
    let waiting = stage.wait("a failover that waits for approval", || {
        let status = stage.status()?;
        (status["execution"]["state"] == "pendingManualApproval").then_some(status)
    });
    let execution = &waiting["execution"]["execution"];
    let id = execution["id"].as_str().expect("an id");
    let hash = execution["hash"].as_str().expect("a hash");
    let refused = stage.run(&["approve", id, "--hash", "000000000000"]);
    assert_eq!(refused.status.code(), Some(1));
    let approved = stage.run(&["approve", id, "--hash", &hash[..12]]);
    assert!(
        approved.status.success(),
        "{}",
        String::from_utf8_lossy(&approved.stderr)
    );
    stage.wait_protected("busan");
    let expected: Vec<i64> = (1..=20).collect();
    assert_eq!(order_ids(&stage.edge), Some(expected));

    bring_back(&stage, 0);
    // The old primary is there again with its old disk: writing to it must fail.
    let old = stage.dir.path().join("seoul/orders.db");
    stage.wait("the fence of the old primary", || {
        let connection = rusqlite::Connection::open(&old).ok()?;
        let written = connection.execute("INSERT INTO orders VALUES (99, 'x', 1)", []);
        written
            .err()
            .filter(|e| e.to_string().contains("PB-FENCED"))
            .map(|_| ())
    });
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_control_plane_that_returns_finds_everything_as_it_was() {
    let stage = Stage::new("approve");
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    stage.wait("an order", || place_order(&stage.edge, 1).then_some(()));
    assert_eq!(up.stop(), Some(0));
    // The service goes on without a control plane; the next one finds it.
    assert!(place_order(&stage.origins[0], 2));
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    assert_eq!(order_ids(&stage.edge), Some(vec![1, 2]));
    stage.json(&["switchover", "--yes", "--json"]);
    assert_eq!(
        order_ids(&stage.origins[1]),
        Some(vec![1, 2]),
        "written while nobody shipped"
    );
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_warm_standby_follows_the_vault_and_takes_over_without_loading_it() {
    let stage = Stage::new("manual");
    stage.change_plan("strategy: pilot-light", "strategy: warm-standby");
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    stage.wait("an order", || place_order(&stage.edge, 1).then_some(()));
    let copy = stage.dir.path().join("busan/orders.db");
    stage.wait("the order at the standby", || {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = rusqlite::Connection::open_with_flags(&copy, flags).ok()?;
        let found: i64 = connection
            .query_row("SELECT count(*) FROM orders", [], |row| row.get(0))
            .ok()?;
        (found == 1).then_some(())
    });
    kill_site(&stage, 0);
    let moved = stage.json(&["failover", "--yes", "--json"]);
    assert_eq!(moved["status"]["state"], "completed");
    let restored = &moved["status"]["steps"]["restore"]["facts"];
    assert_eq!(restored["loadedSnapshot"], false, "{restored}");
    assert_eq!(order_ids(&stage.edge), Some(vec![1]));
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn an_edge_of_its_own_goes_on_without_a_control_plane_and_after_a_restart() {
    let stage = Stage::new("manual");
    let address = stage.edge.trim_start_matches("http://").to_owned();
    let admin = format!("127.0.0.1:{}", common::free_port());
    let token = stage.dir.path().join("edge.token");
    std::fs::write(&token, "a-token-of-this-test\n").expect("a token");
    stage.change_plan(
        &format!("edge: {{ listen: \"{address}\" }}"),
        &format!(
            "edge: {{ admin: \"http://{admin}\", token: {{ file: {:?} }}, public: \"{}\" }}",
            token.display().to_string(),
            stage.edge
        ),
    );
    let token = token.display().to_string();
    let arguments = [
        "edge",
        "orders",
        "--listen",
        &address,
        "--admin",
        &admin,
        "--token-file",
        &token,
    ];
    let start = || common::Up {
        child: stage.command(&arguments).spawn().expect("the edge starts"),
    };
    let edge = start();
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    stage.wait("an order", || place_order(&stage.edge, 1).then_some(()));
    stage.json(&["switchover", "--yes", "--json"]);
    assert_eq!(up.stop(), Some(0));
    assert_eq!(
        order_ids(&stage.edge),
        Some(vec![1]),
        "without a control plane"
    );
    assert_eq!(edge.stop(), Some(0));
    let again = start();
    let seen = stage.wait("the edge's last plan", || order_ids(&stage.edge));
    assert_eq!(seen, vec![1], "after a restart");
    assert_eq!(again.stop(), Some(0));
}
