//! PostgreSQL: its slot holds back what only waits. The server may forget log
//! when the vault has it, not before.

use super::{Outage, kill};
use crate::desk::terminate;
use crate::postgres::run;
use crate::postgres_home::Home;
use planb_launch::postgres::{Postgres, PostgresOptions};

const ORDER: &str = "INSERT INTO orders (note) SELECT string_agg(md5(random()::text), '') \
                     FROM generate_series(1, 1000)";

/// How many rows, and a sum over all of them.
const SUM: &str =
    "SELECT count(*), md5(string_agg(id || ':' || note, ',' ORDER BY id)) FROM orders";

async fn server(outage: &Outage, name: &str) -> Postgres {
    let options = PostgresOptions::new(outage.desk.path(name));
    Postgres::start(options).await.expect("a PostgreSQL server")
}

fn url(server: &Postgres) -> String {
    format!("postgresql://postgres@127.0.0.1:{}/shop", server.port())
}

/// Bytes from the slot's place to the end of the log.
fn held_back(server: &Postgres) -> u64 {
    let sql = "SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots";
    run(server, "postgres", sql).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_outlives_a_vault_that_stands_still_and_a_kill() {
    let outage = Outage::new().await;
    let source = server(&outage, "source").await;
    run(&source, "postgres", "CREATE DATABASE shop");
    run(
        &source,
        "shop",
        "CREATE TABLE orders (id serial PRIMARY KEY, note text)",
    );
    run(&source, "shop", ORDER);
    let stream = outage.stream(&url(&source), "first.log");
    outage.until_protected("first.log");

    let place = "SELECT pg_current_wal_lsn() - '0/0'";
    let before: u64 = run(&source, "postgres", place).parse().expect("a number");
    let mut rows = 0;
    let write = async || {
        run(&source, "shop", ORDER);
        rows += 1;
    };
    outage.stand_still("first.log", 500_000, write).await;
    let now: u64 = run(&source, "postgres", place).parse().expect("a number");
    let held = held_back(&source);
    assert!(
        held >= now - before,
        "{held} bytes held back of {}",
        now - before
    );
    kill(stream);
    run(&source, "shop", ORDER);
    outage.azurite.resume();

    let stream = outage.stream(&url(&source), "second.log");
    outage.until_protected("second.log");
    outage.until_drained("second.log");
    outage.desk.wait("the slot goes on", "second.log", || {
        (held_back(&source) < held / 2).then_some(())
    });
    assert_eq!(
        terminate(stream),
        Some(0),
        "{}",
        outage.desk.said("second.log")
    );
    let said = outage.desk.said("second.log");
    assert!(
        !said.contains("spoolDiscarded") && !said.contains("logLost"),
        "{said}"
    );

    let home = Home::new(&outage.desk, "target", &source);
    outage.restore(&home.url());
    let wanted = run(&source, "shop", SUM);
    assert_eq!(home.run_in("shop", SUM), wanted, "rows and their sum");
    // The rows of every part of the story are in it.
    assert_eq!(wanted.split('|').next(), Some(&*(rows + 2).to_string()));
}
