//! S3, against moto: the contract, conditional joining of parts, long listings,
//! locks, and what errors mean.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use planb_connector_object_store::{ObjectStoreVault, VaultConfig};
use planb_launch::moto::{Keys, Moto, MotoOptions, ObjectLock};
use planb_model::Secret;
use planb_ports::contract::storage::check_all;
use planb_ports::storage::Immutability;
use planb_ports::{ErrorKind, PortError, VaultStorage};
use std::path::Path;

/// Two parts of an upload and a little.
const LARGE_BYTES: usize = 17 * 1024 * 1024;
/// A page of a listing has a thousand.
const LISTED: usize = 2_345;

async fn moto(dir: &Path) -> Moto {
    let options = MotoOptions {
        dir: dir.join("moto"),
    };
    let started = Moto::start(options).await;
    started.expect("starts; run `cargo xtask services` first")
}

async fn bucket(moto: &Moto, name: &str, lock: ObjectLock) -> VaultConfig {
    moto.create_bucket(name, lock).await.expect("bucket");
    VaultConfig {
        url: format!("s3://{name}/some/prefix"),
        options: moto.options(),
        secret_options: moto.secret_options(),
    }
}

fn open(config: &VaultConfig) -> ObjectStoreVault {
    ObjectStoreVault::open(config).expect("opens")
}

fn with_keys(mut config: VaultConfig, keys: &Keys) -> VaultConfig {
    let id = keys.id.clone();
    config.options.insert("aws_access_key_id".into(), id);
    let secret = keys.secret.clone();
    let name = "aws_secret_access_key".to_owned();
    config.secret_options.insert(name, secret);
    config
}

async fn refused(config: &VaultConfig) -> PortError {
    let created = open(config).create("a", Bytes::from("x")).await;
    created.expect_err("refused")
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let moto = moto(dir.path()).await;
    let config = bucket(&moto, "vault", ObjectLock::Off).await;
    check_all(&open(&config), "contract").await;
    // Another client with another prefix does not see what is not its own.
    let other = VaultConfig {
        url: "s3://vault/other".into(),
        ..config
    };
    assert_eq!(open(&other).list("", None).await.expect("list"), []);
}

#[tokio::test]
async fn parts_are_joined_only_when_the_name_is_free() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let moto = moto(dir.path()).await;
    let vault = open(&bucket(&moto, "vault", ObjectLock::Off).await);
    let mut first = vault.upload("part").await.expect("begins");
    let mut second = vault.upload("part").await.expect("begins");
    first.write(vec![1; LARGE_BYTES].into()).await.expect("a");
    second.write(vec![2; LARGE_BYTES].into()).await.expect("b");
    // Nobody was there when the second one began; the store itself refuses it.
    first.finish().await.expect("the name is free");
    let late = second.finish().await.expect_err("the name is taken");
    assert_eq!(late.kind(), ErrorKind::AlreadyExists, "{}", late.chain());
    let there = vault.read("part").await.expect("read");
    assert!(there == vec![1; LARGE_BYTES], "it was replaced");
}

#[tokio::test]
async fn listings_of_several_pages_are_whole() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let moto = moto(dir.path()).await;
    let vault = open(&bucket(&moto, "vault", ObjectLock::Off).await);
    let keys: Vec<String> = (0..LISTED).map(|i| format!("log/{i:010}")).collect();
    for key in &keys {
        vault.create(key, Bytes::from("x")).await.expect("create");
    }
    let listed = async |after: Option<&str>| -> Vec<String> {
        let objects = vault.list("log/", after).await.expect("list");
        objects.into_iter().map(|object| object.key).collect()
    };
    assert!(listed(None).await == keys, "some are missing");
    let after = listed(Some(&keys[LISTED / 4])).await;
    assert!(after == keys[LISTED / 4 + 1..], "some are missing");
}

#[tokio::test]
async fn locks_are_seen_set_and_never_shortened() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let moto = moto(dir.path()).await;
    let vault = open(&bucket(&moto, "locked", ObjectLock::On).await);
    vault.create("a", Bytes::from("x")).await.expect("create");
    let look = async || vault.immutability("a").await.expect("looked at");
    assert_eq!(look().await, Immutability::No);
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("seconds");
    let until = now + SignedDuration::from_hours(48);
    vault.retain_until("a", until).await.expect("locked");
    let kept = Immutability::Until {
        until: Some(until),
        liftable: false,
    };
    assert_eq!(look().await, kept);
    let earlier = now + SignedDuration::from_hours(24);
    vault.retain_until("a", earlier).await.expect("no effect");
    assert_eq!(look().await, kept);
    let missing = vault.immutability("b").await.expect_err("nothing");
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{}", missing.chain());

    let plain = open(&bucket(&moto, "plain", ObjectLock::Off).await);
    plain.create("a", Bytes::from("x")).await.expect("create");
    let looked = plain.immutability("a").await.expect("looked at");
    assert_eq!(looked, Immutability::No);
    let refused = plain.retain_until("a", until).await;
    refused.expect_err("a bucket without locks");
}

#[tokio::test]
async fn s3_errors_say_what_is_wrong() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut moto = moto(dir.path()).await;
    let config = bucket(&moto, "vault", ObjectLock::Off).await;
    let reader = moto.add_user("reader", "s3:GetObject").await;
    let reader = reader.expect("a user who may only read");
    let config = with_keys(config, &moto.require_keys().await.expect("keys"));
    let created = open(&config).create("there", Bytes::from("x")).await;
    created.expect("the right keys");

    let nowhere = VaultConfig {
        url: "s3://nowhere/x".into(),
        ..config.clone()
    };
    let error = refused(&nowhere).await;
    assert_eq!(error.code(), "PB-VAULT-NO-CONTAINER", "{}", error.chain());

    let mut unknown = config.clone();
    let id = "AKIAUNKNOWNUNKNOWN00".to_owned();
    unknown.options.insert("aws_access_key_id".into(), id);
    let error = refused(&unknown).await;
    assert_eq!(error.code(), "PB-VAULT-AUTH", "{}", error.chain());

    let secret = "wrong-secret-wrong-secret-wrong-secret00";
    let mut wrong = config.clone();
    let name = "aws_secret_access_key".to_owned();
    wrong.secret_options.insert(name, Secret::new(secret));
    let error = refused(&wrong).await;
    assert_eq!(error.code(), "PB-VAULT-AUTH", "{}", error.chain());
    assert!(error.hint_text().is_some());
    assert!(!format!("{error:?} {}", error.chain()).contains(secret));

    let error = refused(&with_keys(config.clone(), &reader)).await;
    assert_eq!(error.code(), "PB-VAULT-DENIED", "{}", error.chain());

    moto.kill();
    let error = refused(&config).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
}
