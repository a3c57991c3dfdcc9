//! Epochs: a spool is shipped while its chain is open, and never after.

use crate::stage::{Stage, is_discarded};
use crate::world::{ONE, TWO};
use planb_model::ServiceName;
use planb_ports::{Database, Repository};
use planb_testkit::Incarnation;

#[tokio::test(start_paused = true)]
async fn a_failover_from_here_takes_the_spool_along_before_it_closes_the_log() {
    let stage = Stage::new();
    let protection = stage.spooled(30).await;
    protection.abandon();
    stage.world.source.kill();
    stage.to_vault.set_up(true);
    stage.world.claim(TWO).await;
    let repository = stage.repository(&Incarnation::new());
    for _ in 0..2 {
        repository.close_log(TWO).await.expect("closed");
    }
    assert!(stage.files().is_empty());
    let report = stage.world.restore().await.expect("restores");
    assert!(report.chain_closed);
    let rows = stage.world.target.rows();
    let spooled = rows.keys().filter(|k| k.starts_with("spooled")).count();
    assert_eq!(spooled, 30);
}

#[tokio::test(start_paused = true)]
async fn a_spool_of_a_closed_log_is_dropped_and_never_shipped() {
    let stage = Stage::new();
    let protection = stage.spooled(20).await;
    stage.world.claim(TWO).await;
    // By another machine, which has no such spool.
    let elsewhere = stage.world.repository();
    elsewhere.close_log(TWO).await.expect("closed");
    let log = stage.world.log_keys(ONE);
    stage.to_vault.set_up(true);
    protection
        .until("it is told", || protection.count(is_discarded) > 0)
        .await;
    assert_eq!(protection.count(is_discarded), 1);
    let error = protection.ended().await.expect_err("fenced");
    assert!(error.is_fenced(), "{}", error.chain());
    assert!(stage.files().is_empty());
    assert_eq!(stage.world.log_keys(ONE), log);
}

#[tokio::test(start_paused = true)]
async fn a_spool_of_a_closed_log_is_dropped_at_the_next_start_as_well() {
    let stage = Stage::new();
    let protection = stage.spooled(20).await;
    protection.abandon();
    stage.to_vault.set_up(true);
    stage.world.claim(TWO).await;
    let elsewhere = stage.world.repository();
    elsewhere.close_log(TWO).await.expect("closed");
    let log = stage.world.log_keys(ONE);
    let again = stage.protect_as(&Incarnation::new());
    again
        .until("it is told", || again.count(is_discarded) > 0)
        .await;
    let error = again.ended().await.expect_err("fenced");
    assert!(error.is_fenced(), "{}", error.chain());
    assert!(stage.files().is_empty());
    assert_eq!(stage.world.log_keys(ONE), log);
}

#[tokio::test(start_paused = true)]
async fn draining_ships_the_spool_and_then_the_rest() {
    let stage = Stage::new();
    let protection = stage.spooled(20).await;
    protection.abandon();
    stage.to_vault.set_up(true);
    stage.world.put_rows("rest", 3).await;
    let service = ServiceName::new("orders").expect("name");
    stage
        .world
        .source
        .fence(&service, TWO)
        .await
        .expect("fenced");
    let repository = stage.repository(&Incarnation::new());
    let source = &stage.world.source;
    repository.drain(source, ONE).await.expect("drained");
    assert!(stage.files().is_empty());
    stage.world.restore_all().await;
}
