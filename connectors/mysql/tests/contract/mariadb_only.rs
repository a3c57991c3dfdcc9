//! What MariaDB's log has and MySQL's has not.

use crate::stream_support::{identical, is_encrypted, server_files};
use crate::support::{Site, apply, drain, manifest, restore, snapshot};
use planb_model::finding::Severity;
use planb_ports::contract::sink::MemorySink;
use planb_ports::database::DatabaseRole;
use planb_ports::progress::NoProgress;
use planb_ports::{Database, SnapshotOptions};

#[tokio::test]
async fn a_log_that_is_encrypted_at_the_source_arrives_in_plain() {
    let keys = tempfile::tempdir().expect("directory");
    let file = keys.path().join("keys");
    std::fs::write(&file, format!("1;{}\n", "0123456789abcdef".repeat(4))).expect("written");
    let source = Site::start_with(1, |options| {
        options.extra_args.extend([
            "--plugin-load-add=file_key_management".to_owned(),
            format!("--file-key-management-filename={}", file.display()),
            "--encrypt-binlog=ON".to_owned(),
        ]);
    })
    .await;
    source
        .run(&[
            "CREATE DATABASE shop",
            "CREATE TABLE shop.t (id INT PRIMARY KEY, v TEXT)",
        ])
        .await;
    let copy = Site::start(2).await;
    let database = source.database();
    let (parts, facts) = snapshot(&database).await;
    restore(&copy.database(), &parts, &facts).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    source
        .run(&[
            "INSERT INTO shop.t VALUES (1, 'nobody may read this on the disk')",
            "FLUSH BINARY LOGS",
            "UPDATE shop.t SET v = 'nor this'",
        ])
        .await;
    let batches = drain(log.as_mut()).await;
    for (_, bytes) in server_files(&source) {
        assert!(is_encrypted(&bytes), "the source's file is plain");
    }
    identical(&source, &facts.position, &batches);
    for (batch, seq) in batches.iter().zip(1..) {
        apply(&copy.database(), batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    assert_eq!(
        copy.database().digests().await.expect("digests"),
        database.digests().await.expect("digests")
    );
}

/// Only MariaDB says another version of itself when it is asked to.
#[tokio::test]
async fn a_server_that_is_too_old_is_refused_before_anything_is_changed() {
    let source = Site::start(1).await;
    source.run(&["CREATE DATABASE shop"]).await;
    let (parts, facts) = snapshot(&source.database()).await;
    let old = Site::start_with(2, |options| {
        let version = "--version=10.4.34-MariaDB";
        options.extra_args.push(version.into());
    })
    .await;
    old.run(&["CREATE DATABASE shop", "CREATE TABLE shop.mine (id INT)"])
        .await;
    let database = old.database();
    let error = database.begin_restore(&manifest(&parts, &facts)).await;
    let error = error.expect_err("too old");
    assert_eq!(error.code(), "PB-MYSQL-VERSION", "{}", error.chain());
    let (sink, options) = (MemorySink::default(), SnapshotOptions::default());
    let error = database.snapshot(&sink, &options, &NoProgress).await;
    assert_eq!(error.expect_err("too old").code(), "PB-MYSQL-VERSION");
    let findings = database.check(DatabaseRole::Target).await;
    let version = findings.iter().find(|f| f.code == "PB-MYSQL-VERSION");
    assert_eq!(version.map(|f| f.severity), Some(Severity::Error));
    let mine = old.one("SELECT COUNT(*) FROM shop.mine").await;
    assert_eq!(mine.as_deref(), Some("0"), "as it was");
}
