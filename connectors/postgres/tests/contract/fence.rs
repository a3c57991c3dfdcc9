//! The fence: who gets in, what survives, and which epoch is refused.

use crate::support::{Home, Site, manifest, restore, service, snapshot};
use planb_model::{Canary, Epoch};
use planb_ports::database::FenceState;
use planb_ports::{Database, ErrorKind};
use std::process::{Child, Command};

const APP: &str = "CREATE ROLE app LOGIN PASSWORD 'app'; CREATE DATABASE shop OWNER app";

/// Runs a statement as the application does.
fn as_app(site: &Site, sql: &str) -> Result<(), String> {
    let output = Command::new(site.server.bin_dir().join("psql"))
        .args([
            "--no-psqlrc",
            "--host=127.0.0.1",
            "--username=app",
            "--dbname=shop",
        ])
        .arg(format!("--port={}", site.server.port()))
        .args(["--set=ON_ERROR_STOP=1", "--command", sql])
        .env("PGPASSWORD", "app")
        .output()
        .expect("psql runs");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// A session of the application's in the middle of a transaction.
async fn in_a_transaction(site: &Site) -> Child {
    let child = Command::new(site.server.bin_dir().join("psql"))
        .args(["--no-psqlrc", "--host=127.0.0.1", "--username=app"])
        .arg(format!("--port={}", site.server.port()))
        .args(["--dbname=shop", "--command"])
        .arg("INSERT INTO t SELECT 3 FROM pg_sleep(600)")
        .env("PGPASSWORD", "app")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("psql runs");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'";
    while site.run("postgres", waiting) == "0" {
        tokio::task::yield_now().await;
    }
    child
}

fn state(epoch: Option<u64>, read_only: bool) -> FenceState {
    let epoch = epoch.map(Epoch);
    FenceState { epoch, read_only }
}

#[tokio::test]
async fn a_fenced_server_keeps_the_application_out_until_it_is_promoted() {
    let mut site = Site::start().await;
    for sql in APP.split("; ") {
        site.run("postgres", sql);
    }
    site.run("postgres", "ALTER DATABASE shop CONNECTION LIMIT 7");
    as_app(&site, "CREATE TABLE t (v int); INSERT INTO t VALUES (1)").expect("works");
    let database = site.database();
    let name = service();
    assert_eq!(
        database.fence_state(&name).await.expect("read"),
        state(None, false)
    );
    database.promote(&name, Epoch(1)).await.expect("promoted");
    assert_eq!(
        database.fence_state(&name).await.expect("read"),
        state(Some(1), false)
    );
    as_app(&site, "INSERT INTO t VALUES (2)").expect("works");

    let mut busy = in_a_transaction(&site).await;
    database.fence(&name, Epoch(2)).await.expect("fenced");
    database.fence(&name, Epoch(2)).await.expect("again");
    assert!(!busy.wait().expect("ended").success());
    assert_eq!(
        database.fence_state(&name).await.expect("read"),
        state(Some(2), true)
    );
    let refused = as_app(&site, "INSERT INTO t VALUES (4)").expect_err("fenced");
    assert!(refused.contains("too many connections"), "{refused}");
    // Superusers get in, and their transactions are read-only.
    let refused = site
        .try_run("shop", "INSERT INTO t VALUES (5)")
        .expect_err("fenced");
    assert!(refused.contains("read-only"), "{refused}");
    assert_eq!(database.digests().await.expect("PlanB reads").len(), 1);
    let canary = |epoch| Canary {
        epoch: Epoch(epoch),
        sequence: 1,
        written_at: jiff::Timestamp::from_millisecond(1_700_000_000_000).expect("time"),
    };
    let error = database
        .write_canary(&name, &canary(1))
        .await
        .expect_err("older");
    assert!(error.is_fenced());
    let error = database
        .write_canary(&name, &canary(2))
        .await
        .expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::Unavailable);

    // It survives a restart, and an older epoch changes nothing.
    site.server.restart().await.expect("restarts");
    assert!(as_app(&site, "SELECT 1").is_err());
    let error = database.promote(&name, Epoch(1)).await.expect_err("older");
    assert_eq!(error.kind(), ErrorKind::Fenced { current: Epoch(2) });
    assert!(as_app(&site, "SELECT 1").is_err());
    database.promote(&name, Epoch(3)).await.expect("promoted");
    as_app(&site, "INSERT INTO t VALUES (6)").expect("works");
    site.run("shop", "INSERT INTO t VALUES (7)");
    let limit = "SELECT datconnlimit FROM pg_database WHERE datname = 'shop'";
    assert_eq!(site.run("postgres", limit), "7");
    let error = database.fence(&name, Epoch(2)).await.expect_err("older");
    assert!(error.is_fenced());
    as_app(&site, "INSERT INTO t VALUES (8)").expect("works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copys_epoch_is_its_own_and_a_promoted_copy_is_not_emptied() {
    let site = Site::start().await;
    site.run("postgres", "CREATE TABLE t (v int)");
    let source = site.database();
    source
        .promote(&service(), Epoch(4))
        .await
        .expect("promoted");
    let taken = snapshot(&source).await;
    let home = Home::new(&site);
    let copy = home.database();
    restore(&copy, &taken).await;
    // The source's row came along and is not the copy's.
    assert_eq!(
        copy.fence_state(&service()).await.expect("read"),
        state(None, true)
    );
    copy.fence(&service(), Epoch(5)).await.expect("fenced");
    assert_eq!(
        copy.fence_state(&service()).await.expect("read"),
        state(Some(5), true)
    );
    let error = copy.promote(&service(), Epoch(4)).await.expect_err("older");
    assert!(error.is_fenced(), "{}", error.chain());
    assert!(
        home.try_run("postgres", "INSERT INTO t VALUES (1)")
            .is_err()
    );

    // A copy may be replaced; one that was promoted may not, running or not.
    restore(&copy, &taken).await;
    copy.promote(&service(), Epoch(6))
        .await
        .unwrap_or_else(|e| panic!("{}", e.chain()));
    home.run("postgres", "INSERT INTO t VALUES (1)");
    let refused = async |what: &str| {
        let error = copy.begin_restore(&manifest(&taken)).await.expect_err(what);
        assert_eq!(
            error.kind(),
            ErrorKind::Conflict,
            "{what}: {}",
            error.chain()
        );
    };
    refused("running").await;
    copy.stop_copy().await.expect("stops");
    refused("stopped").await;
    // Fenced while it is down: it comes back as a standby and may be replaced.
    copy.fence(&service(), Epoch(7))
        .await
        .unwrap_or_else(|e| panic!("{}", e.chain()));
    assert!(home.data_dir().join("standby.signal").exists());
    restore(&copy, &taken).await;
    assert_eq!(home.run("postgres", "SELECT count(*) FROM t"), "0");
}
