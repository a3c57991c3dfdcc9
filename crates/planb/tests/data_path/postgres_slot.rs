//! A stream that stands still: the replication slot keeps log on the source's
//! disk only up to the server's bound. Beyond it log is lost, which is said
//! aloud, and a new snapshot is taken without anybody asking.

use crate::desk::{Desk, terminate};
use crate::postgres::run;
use crate::postgres_home::Home;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use planb_launch::postgres::{Postgres, PostgresOptions};
use std::path::Path;

/// `max_slot_wal_keep_size`, in bytes.
const BOUND: u64 = 64 << 20;
/// What the server keeps anyway: up to `max_wal_size`, and files made ahead.
const SLACK: u64 = 64 << 20;
/// Log that is written while the stream stands, in files of 16 MiB.
const FILES: u64 = 16;

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    // A file may be removed between the two looks.
    let sizes = entries.filter_map(|e| Some(e.metadata().ok()?.len()));
    sizes.sum()
}

fn events(desk: &Desk, kind: &str) -> usize {
    let said = desk.said("stream.log");
    said.matches(&format!("\"event\":\"{kind}\"")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_stream_costs_a_bounded_slot_and_a_new_snapshot() {
    let desk = Desk::new();
    let mut options = PostgresOptions::new(desk.path("source"));
    options.settings = [
        "max_slot_wal_keep_size=64MB",
        "max_wal_size=32MB",
        "min_wal_size=32MB",
    ]
    .map(str::to_owned)
    .into();
    let source = Postgres::start(options).await.expect("a server");
    run(&source, "postgres", "CREATE TABLE t (v int)");
    let port = source.port();
    let database = format!("postgresql://postgres@127.0.0.1:{port}/postgres");
    let arguments = ["stream", "--database", &database, "--json"];
    let stream = desk.start(&arguments, "stream.log");
    desk.wait("log is in the vault", "stream.log", || {
        (events(&desk, "snapshot") > 0 && !desk.json(&["points"])[0]["snapshot"]["log"].is_null())
            .then_some(())
    });

    let pid = Pid::from_raw(stream.id().cast_signed());
    kill(pid, Signal::SIGSTOP).expect("stopped");
    let mut highest = 0;
    for n in 0..FILES {
        run(&source, "postgres", &format!("INSERT INTO t VALUES ({n})"));
        run(&source, "postgres", "SELECT pg_switch_wal()");
        run(&source, "postgres", "CHECKPOINT");
        highest = highest.max(bytes_in(&source.data_dir().join("pg_wal")));
    }
    // More was written than is kept.
    const { assert!(FILES * (16 << 20) > BOUND + SLACK) };
    assert!(highest <= BOUND + SLACK, "{highest} bytes of log were kept");
    let status = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'planb'";
    assert_eq!(run(&source, "postgres", status), "lost");

    kill(pid, Signal::SIGCONT).expect("goes on");
    desk.wait("a snapshot by itself", "stream.log", || {
        (events(&desk, "logLost") == 1 && events(&desk, "snapshot") == 2).then_some(())
    });
    run(&source, "postgres", "INSERT INTO t VALUES (1000)");
    assert_eq!(terminate(stream), Some(0), "{}", desk.said("stream.log"));
    let said = desk.said("stream.log");
    assert!(said.contains("gave up the log"), "the reason: {said}");
    assert_eq!(run(&source, "postgres", status), "reserved");
    let home = Home::new(&desk, "target", &source);
    desk.json(&["restore", "--to", &home.url()]);
    let rows = (FILES + 1).to_string();
    assert_eq!(home.run("SELECT count(*) FROM t"), rows);
}
