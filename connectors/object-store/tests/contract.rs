//! The contract of a vault's storage, on a local disk and on a real Azurite, and
//! what errors mean there.

use bytes::Bytes;
use planb_connector_object_store::{ObjectStoreVault, VaultConfig};
use planb_launch::azurite::{Azurite, AzuriteOptions};
use planb_model::Secret;
use planb_ports::contract::storage::check_all;
use planb_ports::{ErrorKind, PortError, VaultStorage};
use std::path::Path;

fn local(dir: &Path) -> VaultConfig {
    VaultConfig {
        url: format!("file://{}", dir.display()),
        ..VaultConfig::default()
    }
}

fn open(config: &VaultConfig) -> ObjectStoreVault {
    ObjectStoreVault::open(config).expect("opens")
}

async fn azurite(dir: &Path) -> (Azurite, VaultConfig) {
    let azurite = Azurite::start(AzuriteOptions {
        dir: dir.join("azurite"),
    })
    .await
    .expect("starts; run `cargo xtask services` first");
    azurite.create_container("vault").await.expect("container");
    let config = VaultConfig {
        url: "az://vault/some/prefix".into(),
        options: azurite.options(),
        secret_options: azurite.secret_options(),
    };
    (azurite, config)
}

#[tokio::test]
async fn a_local_vault_keeps_the_contract() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let vault = open(&local(&dir.path().join("new/vault")));
    check_all(&vault, "contract").await;
    let staged = std::fs::read_dir(dir.path().join("new/vault/_staging")).expect("staging");
    let left: Vec<_> = staged.map(|e| e.expect("entry").file_name()).collect();
    assert!(left.is_empty(), "staged uploads stay: {left:?}");
}

#[tokio::test]
async fn azure_blob_keeps_the_contract() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (_azurite, config) = azurite(dir.path()).await;
    check_all(&open(&config), "contract").await;
    // Another client with another prefix does not see what is not its own.
    let other = VaultConfig {
        url: "az://vault/other".into(),
        ..config.clone()
    };
    assert_eq!(open(&other).list("", None).await.expect("list"), []);
    let whole = VaultConfig {
        url: "az://vault".into(),
        ..config
    };
    let all = open(&whole).list("some/", None).await.expect("list");
    assert!(!all.is_empty());
}

#[tokio::test]
async fn azure_errors_say_what_is_wrong() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (mut azurite, config) = azurite(dir.path()).await;
    let no_container = VaultConfig {
        url: "az://nowhere/x".into(),
        ..config.clone()
    };
    let error = refused(&no_container).await;
    assert_eq!(error.code(), "PB-VAULT-NO-CONTAINER", "{}", error.chain());

    let mut wrong_key = config.clone();
    let key = "d3Jvbmcga2V5IHdyb25nIGtleSB3cm9uZyBrZXk=";
    let option = "azure_storage_account_key".to_owned();
    wrong_key.secret_options.insert(option, Secret::new(key));
    let error = refused(&wrong_key).await;
    assert_eq!(
        error.kind(),
        ErrorKind::Unauthenticated,
        "{}",
        error.chain()
    );
    assert!(error.hint_text().is_some());
    assert!(!format!("{error:?} {}", error.chain()).contains(key));

    azurite.kill();
    let error = refused(&config).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
}

async fn refused(config: &VaultConfig) -> PortError {
    let created = open(config).create("a", Bytes::from("x")).await;
    created.expect_err("refused")
}

#[tokio::test]
async fn a_local_vault_that_goes_away_is_not_made_anew() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let root = dir.path().join("vault");
    let vault = open(&local(&root));
    vault.create("a/1", Bytes::from("x")).await.expect("create");
    std::fs::rename(&root, dir.path().join("aside")).expect("rename");
    let error = vault.create("a/2", Bytes::from("x")).await;
    let error = error.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.code(), "PB-VAULT-GONE");
    assert!(!root.exists(), "half a vault was made");
    std::fs::rename(dir.path().join("aside"), &root).expect("rename back");
    vault
        .create("a/2", Bytes::from("x"))
        .await
        .expect("goes on");
    assert_eq!(vault.list("a/", None).await.expect("list").len(), 2);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let open = |url: &str, option: Option<&str>| {
        let mut config = VaultConfig {
            url: url.into(),
            ..VaultConfig::default()
        };
        if let Some(name) = option {
            config.options.insert(name.into(), "1".into());
        }
        ObjectStoreVault::open(&config).expect_err(url).code()
    };
    assert_eq!(open("/just/a/path", None), "PB-VAULT-URL");
    assert_eq!(open("ftp://host/x", None), "PB-VAULT-URL");
    assert_eq!(open("az://c/p", None), "PB-VAULT-CONFIG");
    assert_eq!(open("az://c/p", Some("azure_nonsense")), "PB-VAULT-OPTION");
    assert_eq!(open("file:///tmp", Some("aws_region")), "PB-VAULT-OPTION");
}

#[test]
fn s3_and_gcs_open_by_url() {
    let mut s3 = VaultConfig {
        url: "s3://bucket/prefix".into(),
        ..VaultConfig::default()
    };
    s3.options
        .insert("aws_region".into(), "ap-northeast-2".into());
    open(&s3);
    open(&VaultConfig {
        url: "gs://bucket/prefix".into(),
        ..VaultConfig::default()
    });
}
