//! `kill -9` of a real stream at the call that stores the first folded log.

use crate::common;
use crate::desk::{Desk, terminate};
use crate::mariadb::{connect, server, url};
use mysql_async::prelude::Queryable;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

const SIGKILL: i32 = 9;
/// Events of a stream that works.
const EVENTS: usize = 3;

/// Changes one row until the stream is dead; returns its last value.
async fn change_until_killed(
    desk: &Desk,
    source: &str,
    side: &str,
    conn: &mut mysql_async::Conn,
) -> u64 {
    let arguments = ["stream", "--database", source, "--flush-interval", "500ms"];
    let mut stream = desk
        .command(&arguments)
        .env("PLANB_CRASH_AT_STORAGE", format!("1:{side}:/folded/"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("planb starts");
    let (began, mut changes) = (Instant::now(), 0);
    loop {
        let sql = "UPDATE shop.hot SET n = n + 1 WHERE id = 1";
        conn.query_drop(sql).await.expect("a change");
        changes += 1;
        if let Some(status) = stream.try_wait().expect("a child") {
            assert_eq!(status.signal(), Some(SIGKILL), "{side}: {status}");
            return changes;
        }
        let patience = Duration::from_secs(common::WAIT_SECS_MAX);
        assert!(began.elapsed() < patience, "{side}: it was not killed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn killed(side: &str, folded: usize) {
    let desk = Desk::new();
    let source = server(&desk, "source", 1).await;
    let mut conn = connect(&source).await;
    for sql in [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.hot (id INT PRIMARY KEY, n BIGINT)",
        "INSERT INTO shop.hot VALUES (1, 0)",
    ] {
        conn.query_drop(sql).await.expect("a statement");
    }
    let changes = change_until_killed(&desk, &url(&source), side, &mut conn).await;
    conn.disconnect().await.expect("a goodbye");
    assert_eq!(folded_objects(&desk.path("vault")), folded, "{side}");

    // Another stream ships the rest.
    let arguments = ["stream", "--database", &url(&source), "--json"];
    let stream = desk.start(&arguments, "stream.log");
    // It listens to signals before it tells what it does, and ships what there is.
    desk.wait("the stream works", "stream.log", || {
        (desk.said("stream.log").lines().count() >= EVENTS).then_some(())
    });
    assert_eq!(terminate(stream), Some(0), "{}", desk.said("stream.log"));
    let target = server(&desk, "target", 2).await;
    desk.json(&["restore", "--to", &url(&target)]);
    let mut conn = connect(&target).await;
    let seen = conn.query_first("SELECT n FROM shop.hot").await;
    assert_eq!(seen.expect("asked"), Some(changes), "{side}");
    conn.disconnect().await.expect("a goodbye");
}

fn folded_objects(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let count = |path: std::path::PathBuf| match path.is_dir() {
        true => folded_objects(&path),
        false => usize::from(path.to_string_lossy().contains("/folded/")),
    };
    entries.flatten().map(|entry| count(entry.path())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_folded_log_is_stored() {
    killed("before", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_folded_log_is_stored() {
    killed("after", 1).await;
}
