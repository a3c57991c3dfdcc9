//! There and back on SQLite: a stream, a standby that is promoted, a restore.

use crate::desk::{Desk, count, sqlite, terminate};

const TABLE: &str = "CREATE TABLE \"주문 'x'\" (id INTEGER PRIMARY KEY, note TEXT);
    INSERT INTO \"주문 'x'\" VALUES (1, '한글'), (2, 'two');";
const COUNT: &str = "SELECT count(*) FROM \"주문 'x'\"";

#[test]
fn a_backup_is_restored_once_and_not_over_what_was_written_since() {
    let desk = Desk::new();
    sqlite(&desk.path("a.db"), TABLE);
    let backup = desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    let to = desk.sqlite("b.db");
    let plan = desk.json(&["restore", "--to", &to, "--dry-run"]);
    assert_eq!(plan["plan"]["snapshot"], backup["snapshot"]);
    assert!(!desk.path("b.db").exists(), "a dry run changes nothing");
    let restored = desk.json(&["restore", "--to", &to]);
    assert_eq!(restored["snapshot"], backup["snapshot"]);
    sqlite(
        &desk.path("b.db"),
        "INSERT INTO \"주문 'x'\" VALUES (9, 'mine')",
    );
    desk.refused(&["restore", "--to", &to], 1, "PB-RESTORE-NOT-EMPTY");
    assert_eq!(count(&desk.path("b.db"), COUNT), 3, "nothing was lost");
    desk.json(&["restore", "--to", &to, "--replace"]);
    assert_eq!(count(&desk.path("b.db"), COUNT), 2);
}

#[test]
fn a_database_planb_knows_nothing_of_is_not_replaced() {
    let desk = Desk::new();
    sqlite(&desk.path("a.db"), TABLE);
    desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    sqlite(
        &desk.path("b.db"),
        "CREATE TABLE mine (a); INSERT INTO mine VALUES (1)",
    );
    let to = desk.sqlite("b.db");
    desk.refused(&["restore", "--to", &to], 1, "PB-RESTORE-NOT-EMPTY");
    assert_eq!(count(&desk.path("b.db"), "SELECT count(*) FROM mine"), 1);
}

#[test]
fn a_stream_ends_whole_and_a_standby_takes_over() {
    let desk = Desk::new();
    sqlite(&desk.path("a.db"), TABLE);
    let source = desk.sqlite("a.db");
    let stream = desk.start(&["stream", "--database", &source, "--json"], "stream.log");
    let standby = desk.sqlite("b.db");
    let mut follow = desk.start(
        &["follow", "--to", &standby, "--json", "--every", "100ms"],
        "follow.log",
    );
    desk.wait("a snapshot is loaded", "follow.log", || {
        desk.said("follow.log").contains("\"loaded\"").then_some(())
    });
    sqlite(
        &desk.path("a.db"),
        "INSERT INTO \"주문 'x'\" VALUES (3, 'late')",
    );
    assert_eq!(terminate(stream), Some(0), "{}", desk.said("stream.log"));
    let said = desk.said("stream.log");
    let last = said.lines().last().expect("a summary");
    assert!(
        last.contains("\"stopped\"") && !last.contains("\"recoverableTo\":null"),
        "{said}"
    );
    desk.json(&["follow", "--to", &standby, "--promote"]);
    assert!(
        follow.wait().expect("it ends").success(),
        "{}",
        desk.said("follow.log")
    );
    assert_eq!(
        count(&desk.path("b.db"), COUNT),
        3,
        "{}",
        desk.said("follow.log")
    );
    sqlite(
        &desk.path("b.db"),
        "INSERT INTO \"주문 'x'\" VALUES (4, 'after')",
    );
    // The old source has lost its right to the vault.
    desk.refused(&["stream", "--database", &source], 1, "PB-REPO-CLAIMED");
}

#[test]
fn two_databases_do_not_share_one_service_of_a_vault() {
    let desk = Desk::new();
    sqlite(&desk.path("a.db"), TABLE);
    sqlite(&desk.path("c.db"), TABLE);
    desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    let other = desk.sqlite("c.db");
    desk.refused(&["backup", "--database", &other], 1, "PB-REPO-CLAIMED");
    desk.json(&["backup", "--database", &other, "--service", "other"]);
    assert_eq!(desk.json(&["points"]).as_array().map(Vec::len), Some(1));
}
