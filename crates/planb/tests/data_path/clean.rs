//! Simulated ransomware, with real drills: an hour is one backup and one drill.
//! `restore --clean` has to pick the last snapshot before the attack each time,
//! and an honest batch must not keep it from the newest.

use crate::desk::{Desk, count, errors, sqlite};

const ROWS: usize = 600;
const HONEST_HOURS: usize = 7;

fn begin() -> Desk {
    let desk = Desk::new();
    sqlite(
        &desk.path("a.db"),
        &format!(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
             CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT);
             WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS})
             INSERT INTO orders SELECT n, 'order ' || n || ' of customer ' || (n % 97) ||
                 ' in Seoul, paid by card, to be shipped to Busan by train on Monday' FROM c;
             INSERT INTO users SELECT id, 'customer ' || id FROM orders;"
        ),
    );
    for hour in 0..HONEST_HOURS {
        hours_work(
            &desk,
            &format!(
                "UPDATE orders SET note = 'order ' || id || ' shipped to Busan by train' WHERE id % 50 = {hour}"
            ),
        );
    }
    desk
}

/// Work, then a backup; returns its snapshot.
fn hours_work(desk: &Desk, sql: &str) -> String {
    sqlite(&desk.path("a.db"), sql);
    let backup = desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    backup["snapshot"].as_str().expect("an id").to_owned()
}

/// What `--clean` restores, and what it says.
fn clean(desk: &Desk) -> (String, String) {
    desk.json(&["verify", "--all"]);
    let to = desk.sqlite("b.db");
    let output = desk.run(&["restore", "--to", &to, "--clean", "--json"]);
    let said = errors(&output);
    assert!(output.status.success(), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    (report["snapshot"].as_str().expect("an id").to_owned(), said)
}

#[test]
fn rows_rewritten_as_ciphertext() {
    let desk = begin();
    let good = hours_work(&desk, "UPDATE orders SET note = note || '!' WHERE id = 5");
    for part in 0..3 {
        hours_work(
            &desk,
            &format!("UPDATE orders SET note = randomblob(64) WHERE id % 3 = {part}"),
        );
    }
    let (chosen, said) = clean(&desk);
    assert_eq!(chosen, good, "{said}");
    assert!(
        said.contains("entropy") && said.contains("not certainty"),
        "{said}"
    );
    let readable = "SELECT count(*) FROM orders WHERE note LIKE 'order %'";
    assert_eq!(count(&desk.path("b.db"), readable), ROWS as i64);
}

#[test]
fn a_dropped_table() {
    let desk = begin();
    let good = hours_work(&desk, "UPDATE orders SET note = note || '!' WHERE id = 5");
    hours_work(&desk, "DROP TABLE users");
    hours_work(&desk, "UPDATE orders SET note = note || '?' WHERE id = 6");
    let (chosen, said) = clean(&desk);
    assert_eq!(chosen, good, "{said}");
    assert!(said.contains("users"), "{said}");
}

#[test]
fn a_slow_drip() {
    let desk = begin();
    let good = hours_work(&desk, "UPDATE orders SET note = note || '!' WHERE id = 5");
    for hour in 0..8 {
        let from = 100 + hour * 12;
        hours_work(
            &desk,
            &format!(
                "UPDATE orders SET note = randomblob(64) WHERE id BETWEEN {from} AND {from} + 11"
            ),
        );
    }
    let (chosen, said) = clean(&desk);
    assert!(
        chosen <= good,
        "at most one step too early, never too late: {said}"
    );
    let spoilt = "SELECT count(*) FROM orders WHERE typeof(note) = 'blob'";
    assert_eq!(count(&desk.path("b.db"), spoilt), 0, "{said}");
}

#[test]
fn an_honest_batch_is_no_attack() {
    let desk = begin();
    let newest = hours_work(
        &desk,
        "UPDATE orders SET note = 'order ' || id || ' of customer ' || (id % 97) || ' in Seoul, settled at the end of the month, to be shipped by train'",
    );
    let (chosen, said) = clean(&desk);
    assert_eq!(chosen, newest, "{said}");
}
