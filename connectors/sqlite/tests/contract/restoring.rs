//! Restores: begun, broken off, and over what was there before.

use crate::bench::{Site, Vault, digests, order, orders, service};
use bytes::Bytes;
use planb_model::Epoch;
use planb_ports::{Database, ErrorKind};
use rusqlite::Connection;
use std::path::PathBuf;

async fn shipped(rounds: usize) -> (Site, Connection, Vault) {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    vault.ship(log.as_mut()).await;
    for _ in 0..rounds {
        order(&writer, "x");
        vault.ship(log.as_mut()).await;
    }
    (source, writer, vault)
}

#[tokio::test]
async fn a_database_of_somebody_else_is_not_replaced() {
    let (_source, _writer, vault) = shipped(1).await;
    let (other, service) = Site::with_orders();
    let error = other.database.begin_restore(&vault.manifest).await;
    assert_eq!(error.map_err(|e| e.kind()), Err(ErrorKind::Conflict));
    assert_eq!(orders(&service), 2, "it was touched");
}

#[tokio::test]
async fn a_fenced_database_is_replaced_and_kept_aside_whole() {
    let (_source, _writer, vault) = shipped(1).await;
    let (old, connection) = Site::with_orders();
    order(&connection, "only here, and only in the WAL");
    old.database
        .fence(&service(), Epoch(2))
        .await
        .expect("fenced");
    vault.load(&old).await;
    drop(connection);
    let mut aside = old.path().into_os_string();
    aside.push(".before-restore");
    let kept = Connection::open(PathBuf::from(&aside)).expect("kept");
    assert_eq!(orders(&kept), 3);
    // A second restore replaces PlanB's own copy, not what was kept.
    vault.load(&old).await;
    let kept = Connection::open(PathBuf::from(&aside)).expect("still kept");
    assert_eq!(orders(&kept), 3);
}

#[tokio::test]
async fn a_broken_off_restore_is_no_recovery_and_can_be_begun_again() {
    let (source, _writer, vault) = shipped(2).await;
    let target = Site::new();
    let database = &target.database;
    database
        .begin_restore(&vault.manifest)
        .await
        .expect("begun");
    vault.load_pages(&target).await;
    // Broken off here: nothing is at the path, and nothing may be promoted.
    assert_eq!(database.applied().await.expect("known"), None);
    assert!(!target.path().exists());
    let early = database.promote(&service(), Epoch(2)).await;
    assert_eq!(early.map_err(|e| e.kind()), Err(ErrorKind::Invalid));
    vault.load(&target).await;
    for index in 0..vault.segments.len() {
        vault.apply(&target, index).await.expect("applied");
    }
    assert_eq!(digests(&target).await, digests(&source).await);
}

#[tokio::test]
async fn a_broken_off_apply_leaves_no_mark() {
    let (_source, _writer, vault) = shipped(1).await;
    let target = vault.restore().await;
    let mut sidecar = target.path().into_os_string();
    sidecar.push(".planb-applied");
    let text = std::fs::read_to_string(&sidecar).expect("there");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("json");
    json["state"] = serde_json::json!({"kind": "applying", "snapshot": "s1"});
    std::fs::write(&sidecar, json.to_string()).expect("written");
    assert_eq!(target.database.applied().await.expect("known"), None);
    let early = target.database.promote(&service(), Epoch(2)).await;
    assert_eq!(early.map_err(|e| e.kind()), Err(ErrorKind::Invalid));
    vault.load(&target).await;
}

#[tokio::test]
async fn a_damaged_or_misplaced_segment_changes_nothing() {
    let (_source, _writer, mut vault) = shipped(3).await;
    let target = Site::new();
    vault.load(&target).await;
    let before = digests(&target).await;
    let whole = vault.segments.clone();

    let skipped = vault.apply(&target, 1).await;
    assert_eq!(skipped.map_err(|e| e.kind()), Err(ErrorKind::Invalid));
    for damage in 0..3 {
        let mut bytes = whole[0].1.to_vec();
        match damage {
            0 => bytes.truncate(bytes.len() - 1),
            1 => *bytes.last_mut().expect("not empty") ^= 1,
            _ => bytes.clear(),
        }
        vault.segments[0].1 = Bytes::from(bytes);
        let refused = vault.apply(&target, 0).await;
        assert_eq!(refused.map_err(|e| e.kind()), Err(ErrorKind::Corrupt));
    }
    // The bytes of another segment under this one's header.
    vault.segments[0].1 = whole[1].1.clone();
    assert!(vault.apply(&target, 0).await.is_err());

    assert_eq!(digests(&target).await, before);
    let mark = target.database.applied().await.expect("known");
    assert_eq!(mark, Some(vault.mark(0)));
    vault.segments = whole;
    vault.apply(&target, 0).await.expect("the right one");
}

#[tokio::test]
async fn a_copy_somebody_wrote_into_is_no_recovery() {
    let (_source, _writer, vault) = shipped(1).await;
    let target = vault.restore().await;
    let writable = std::fs::metadata(target.path()).expect("there");
    assert!(writable.permissions().readonly(), "a copy is not writable");
    // As a superuser would, whom permissions do not stop.
    make_writable(&target.path());
    order(&Connection::open(target.path()).expect("opens"), "stray");
    assert_eq!(target.database.applied().await.expect("known"), None);
    let early = target.database.promote(&service(), Epoch(2)).await;
    assert_eq!(early.map_err(|e| e.kind()), Err(ErrorKind::Conflict));
}

fn make_writable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(path, mode).expect("set");
}

#[tokio::test]
async fn a_stray_log_does_not_meet_the_restored_pages() {
    let (source, _writer, vault) = shipped(1).await;
    let target = Site::new();
    let stray = target.service();
    stray
        .execute_batch("CREATE TABLE planb_stray (a); INSERT INTO planb_stray VALUES (1)")
        .expect("a WAL with frames");
    vault.load(&target).await;
    for index in 0..vault.segments.len() {
        vault.apply(&target, index).await.expect("applied");
    }
    target
        .database
        .promote(&service(), Epoch(2))
        .await
        .expect("promoted");
    assert_eq!(target.database.integrity().await.expect("checked"), []);
    assert_eq!(digests(&target).await, digests(&source).await);
    drop(stray);
}
