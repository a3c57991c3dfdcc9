//! PostgreSQL: its slot holds back what only waits. The server may forget log
//! when the vault has it, not before.

use super::{Outage, kill};
use crate::desk::terminate;
use crate::postgres::{psql, run};
use planb_launch::port::free_port;
use planb_launch::postgres::{Postgres, PostgresOptions};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

const ORDER: &str = "INSERT INTO orders (note) SELECT string_agg(md5(random()::text), '') \
                     FROM generate_series(1, 1000)";

const SUM: &str = "SELECT count(*), sum(hashtext(id || note)::bigint) FROM orders";

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
    run(&source, "shop", "CREATE TABLE orders (id serial PRIMARY KEY, note text)");
    run(&source, "shop", ORDER);
    let stream = outage.stream(&url(&source), "first.log");
    outage.until_protected("first.log");

    let place = "SELECT pg_current_wal_lsn() - '0/0'";
    let before: u64 = run(&source, "postgres", place).parse().expect("a number");
    let write = async || {
        run(&source, "shop", ORDER);
    };
    outage.stand_still("first.log", 500_000, write).await;
    let now: u64 = run(&source, "postgres", place).parse().expect("a number");
    let held = held_back(&source);
    assert!(held >= now - before, "{held} bytes held back of {}", now - before);
    kill(stream);
    run(&source, "shop", ORDER);
    outage.azurite.resume();

    let stream = outage.stream(&url(&source), "second.log");
    outage.until_protected("second.log");
    outage.until_drained("second.log");
    outage.desk.wait("the slot goes on", "second.log", || {
        (held_back(&source) < held / 2).then_some(())
    });
    assert_eq!(terminate(stream), Some(0), "{}", outage.desk.said("second.log"));
    let home = Home::beside(&source);
    outage.restore(&home.url());
    assert_eq!(psql(&home.bin_dir, home.port, "shop", SUM), run(&source, "shop", SUM));
}

/// A folder of the server's user for a restored server, which is stopped when
/// this is dropped.
struct Home {
    dir: tempfile::TempDir,
    bin_dir: PathBuf,
    port: u16,
    owner: (u32, u32),
}

impl Home {
    fn beside(server: &Postgres) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let facts = std::fs::metadata(server.data_dir()).expect("there");
        let owner = (facts.uid(), facts.gid());
        std::os::unix::fs::chown(dir.path(), Some(owner.0), Some(owner.1)).expect("handed over");
        Self {
            dir,
            bin_dir: server.bin_dir().to_owned(),
            port: free_port().expect("a port"),
            owner,
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn url(&self) -> String {
        let (data, bin) = (self.data_dir(), &self.bin_dir);
        let port = self.port;
        format!(
            "postgresql://postgres@127.0.0.1:{port}/shop?data-dir={}&bin-dir={}",
            data.display(),
            bin.display()
        )
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let mut command = Command::new(self.bin_dir.join("pg_ctl"));
        command.arg("--pgdata").arg(self.data_dir());
        command.args(["--mode=immediate", "stop"]);
        command.current_dir(self.dir.path());
        if nix::unistd::Uid::effective().is_root() {
            command.uid(self.owner.0).gid(self.owner.1);
        }
        if let Err(error) = command.status() {
            eprintln!("the restored server stays: {error}");
        }
    }
}
