//! A source that fails over by itself: its log is read on from the replica that
//! was promoted, or a reason is given why it cannot be.

use crate::support::{Home, Replica, Site, apply, drain, restore, service, snapshot};
use planb_model::Epoch;
use planb_model::recovery::LogPosition;
use planb_ports::{Database, ErrorKind, LogBatch, PortError};

async fn source() -> Site {
    let site = Site::start().await;
    site.run("postgres", "CREATE TABLE t (v int)");
    site
}

fn add(site: &Site, v: u32) {
    site.run("postgres", &format!("INSERT INTO t VALUES ({v})"));
}

async fn refused(site: &Site, from: &LogPosition) -> PortError {
    match site.database().open_log(from).await {
        Ok(_) => panic!("opened at {from}"),
        Err(error) => error,
    }
}

fn transactions(batches: &[LogBatch]) -> u64 {
    batches.iter().map(|b| b.transactions).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_is_read_on_without_a_new_snapshot() {
    let mut source = source().await;
    let database = source.database();
    let taken = snapshot(&database).await;
    let replica = Replica::of(&source).await;
    let mut log = database
        .open_log(&taken.facts.position)
        .await
        .expect("opens");
    add(&source, 1);
    let mut batches = drain(log.as_mut()).await;
    let shipped = batches.last().expect("some").end.clone();
    log.shipped(&shipped).await.expect("told");
    // The replica has it, PlanB has not read it yet: it comes from the replica.
    add(&source, 2);
    replica.catch_up(&source);
    source.server.kill();
    replica.promote();
    add(&replica.site, 3);
    let new = replica.site.database();
    // The rest of the old timeline; the new one; and that goes on.
    for wanted in [2, 3] {
        let from = batches.last().expect("some").end.clone();
        let mut log = new.open_log(&from).await.expect("goes on");
        let more = crate::support::until_ended(log.as_mut()).await;
        assert_eq!(more[0].start, from);
        assert_eq!(transactions(&more), 1, "row {wanted}: {more:?}");
        batches.extend(more);
    }
    let end = &batches.last().expect("some").end;
    assert!(end.stream.contains(":2:1@"), "{end}");
    assert_eq!(new.log_order(&shipped, end), Some(std::cmp::Ordering::Less));

    let home = Home::new(&source);
    let copy = home.database();
    restore(&copy, &taken).await;
    for (seq, batch) in (1..).zip(&batches) {
        apply(&copy, batch, seq).await;
    }
    let wanted = new.digests().await.expect("digests");
    assert_eq!(copy.digests().await.expect("digests"), wanted);
    // Lost and found again, it still knows which timeline it follows.
    home.kill();
    assert_eq!(home.database().digests().await.expect("digests"), wanted);
    copy.promote(&service(), Epoch(2))
        .await
        .unwrap_or_else(|e| panic!("{}", e.chain()));
    let rows = "SELECT string_agg(v::text, ',' ORDER BY v) FROM t";
    assert_eq!(home.run("postgres", rows), "1,2,3");

    // What the new server has removed is lost, and said to be.
    let slot = "SELECT pg_drop_replication_slot('planb')";
    while replica.site.try_run("postgres", slot).is_err() {}
    crate::log::switch(&replica.site, 8);
    let error = refused(&replica.site, &shipped).await;
    assert_eq!(error.code(), "PB-POSTGRES-LOG-LOST", "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_that_lacks_what_is_in_the_vault_is_refused() {
    let mut source = source().await;
    let database = source.database();
    let taken = snapshot(&database).await;
    let mut replica = Replica::of(&source).await;
    replica.catch_up(&source);
    replica.site.server.stop();
    let mut log = database
        .open_log(&taken.facts.position)
        .await
        .expect("opens");
    add(&source, 1);
    let batches = drain(log.as_mut()).await;
    let shipped = &batches.last().expect("some").end;
    source.server.kill();
    replica.site.server.restart().await.expect("restarts");
    replica.promote();
    // Writing on does not make it better.
    for v in 2..40 {
        add(&replica.site, v);
    }
    let error = refused(&replica.site, shipped).await;
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::LogLost, "PB-POSTGRES-TIMELINE")
    );
    let said = error.chain();
    assert!(said.contains("never got"), "{said}");
    // A snapshot of it goes on, and the old server coming back is noticed.
    let again = snapshot(&replica.site.database()).await;
    let from = &again.facts.position;
    let opened = replica.site.database().open_log(from).await;
    assert!(opened.is_ok());
    source.server.restart().await.expect("comes back");
    let error = refused(&source, from).await;
    assert!(error.chain().contains("older server"), "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_may_be_promoted_while_its_log_is_read() {
    let mut source = source().await;
    let replica = Replica::of(&source).await;
    let taken = snapshot(&source.database()).await;
    replica.catch_up(&source);
    let database = replica.site.database();
    let from = &taken.facts.position;
    let mut log = database.open_log(from).await.expect("a replica has log");
    add(&source, 1);
    replica.catch_up(&source);
    let mut batches = drain(log.as_mut()).await;
    source.server.kill();
    replica.promote();
    add(&replica.site, 2);
    batches.extend(crate::support::until_ended(log.as_mut()).await);
    let end = batches.last().expect("some").end.clone();
    assert!(!end.stream.contains('@'), "{end}");
    drop(log);
    let mut log = crate::support::open_soon(&database, &end).await;
    batches.extend(drain(log.as_mut()).await);
    assert_eq!(transactions(&batches), 2);
    let home = Home::new(&source);
    restore(&home.database(), &taken).await;
    for (seq, batch) in (1..).zip(&batches) {
        apply(&home.database(), batch, seq).await;
    }
    assert_eq!(
        home.database().digests().await.expect("digests"),
        database.digests().await.expect("digests")
    );
}
