//! PostgreSQL and what does not fit: another engine's vault, both ways, and a
//! row larger than PlanB may be.

use crate::desk::{Desk, errors};
use crate::mariadb;
use crate::postgres::run;
use crate::postgres_home::Home;
use mysql_async::prelude::Queryable;
use planb_launch::postgres::{Postgres, PostgresOptions};
use std::path::PathBuf;

/// Bytes of the one row; more as text on its way.
const ROW_BYTES: u64 = 200_000_000;
/// The project's bound on memory is 256 MiB; a row has no part in it.
const PEAK_KIB_MAX: u64 = 128 * 1024;

async fn server(desk: &Desk, name: &str) -> Postgres {
    let options = PostgresOptions::new(desk.path(name));
    Postgres::start(options).await.expect("a PostgreSQL server")
}

fn url(server: &Postgres, query: &str) -> String {
    format!(
        "postgresql://postgres@127.0.0.1:{}/postgres{query}",
        server.port()
    )
}

/// Refused in both languages, under `code`.
fn refused(desk: &Desk, to: &str, service: &str, code: &str) {
    for (lang, is_korean) in [("en", false), ("ko", true)] {
        // A look at what would be done tells it, too.
        for how in [&[][..], &["--dry-run"], &["--replace"]] {
            let arguments = ["restore", "--to", to, "--service", service, "--lang", lang];
            let arguments = [&arguments, how].concat();
            let output = desk.run(&arguments);
            let said = errors(&output);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(said.contains(code), "{arguments:?}: {said}");
            let korean = said.chars().any(|c| ('가'..='힣').contains(&c));
            assert_eq!(korean, is_korean, "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_engines_vault_is_refused_both_ways() {
    let desk = Desk::new();
    let (postgres, maria) = (
        server(&desk, "pg").await,
        mariadb::server(&desk, "my", 1).await,
    );
    run(&postgres, "postgres", "CREATE TABLE t (v int)");
    let mut conn = mariadb::connect(&maria).await;
    conn.query_drop("CREATE DATABASE shop").await.expect("made");
    let (pg, my) = (url(&postgres, ""), mariadb::url(&maria));
    desk.json(&["backup", "--database", &pg, "--service", "pg"]);
    desk.json(&["backup", "--database", &my, "--service", "my"]);

    refused(&desk, &my, "pg", "PB-MYSQL-OTHER-ENGINE");
    let read_only = conn.query_first("SELECT @@GLOBAL.read_only");
    let read_only: Option<u8> = read_only.await.expect("asked");
    assert_eq!(read_only, Some(0), "it still takes writes");
    let file = desk.sqlite("target.db");
    refused(&desk, &file, "my", "PB-SQLITE-OTHER-ENGINE");
    assert!(!desk.path("target.db").exists());
    let home = Home::new(&desk, "target", &postgres);
    refused(&desk, &home.url(), "my", "PB-POSTGRES-OTHER-ENGINE");
    assert!(!home.data.exists(), "nothing was begun");
    let rows = url(&postgres, "?method=logical");
    refused(&desk, &rows, "my", "PB-POSTGRES-OTHER-ENGINE");
    assert_eq!(run(&postgres, "postgres", "SELECT count(*) FROM t"), "0");
}

/// The highest resident memory of a process while it ran, in KiB.
fn peak_kib(child: &mut std::process::Child) -> u64 {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait().expect("asked").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or_default());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    peak
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_row_goes_through_in_pieces() {
    let desk = Desk::new();
    let (source, target) = (server(&desk, "a").await, server(&desk, "b").await);
    run(&source, "postgres", "CREATE DATABASE shop");
    let sql = format!(
        "CREATE TABLE t (id int PRIMARY KEY, v text);
         INSERT INTO t VALUES (1, repeat('0123456789', {})), (2, 'small')",
        ROW_BYTES / 10
    );
    run(&source, "shop", &sql);
    let shop = |server: &Postgres| {
        format!(
            "postgresql://postgres@127.0.0.1:{}/shop?method=logical",
            server.port()
        )
    };
    let (from, to) = (shop(&source), shop(&target));
    for arguments in [["backup", "--database", &from], ["restore", "--to", &to]] {
        let mut child = desk.start(&arguments, "row.log");
        let peak = peak_kib(&mut child);
        let ended = child.wait().expect("ended");
        assert!(ended.success(), "{}", desk.said("row.log"));
        assert!(peak > 0 && peak < PEAK_KIB_MAX, "{arguments:?}: {peak} KiB");
    }
    let length = "SELECT length(v) FROM t WHERE id = 1";
    assert_eq!(run(&target, "shop", length), ROW_BYTES.to_string());
}
