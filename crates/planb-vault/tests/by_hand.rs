//! Without PlanB: objects are what docs/formats/vault.md says, for tools that
//! know nothing of us.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests run the zstd program on real files, as an operator would"
)]

mod world;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use planb_model::Secret;
use planb_model::recovery::{ObjectHash, SegmentHeader, SnapshotManifest};
use planb_ports::Repository;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use world::{ONE, World};

/// What `zstd -dc` makes of an object; `None` on a machine without zstd.
fn unzstd(dir: &Path, object: &[u8]) -> Option<Vec<u8>> {
    let file = dir.join("object");
    std::fs::write(&file, object).expect("written");
    let run = Command::new("zstd")
        .arg("-dcq")
        .arg("--")
        .arg(&file)
        .output();
    match run {
        Ok(output) => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{complaint}");
            Some(output.stdout)
        }
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => panic!("zstd: {e}"),
    }
}

/// Raw bytes of the whole service: parts of the newest snapshot, then its log.
fn by_hand(world: &World, open: impl Fn(&[u8]) -> Vec<u8>) -> Option<String> {
    let dir = tempfile::tempdir().expect("temporary directory");
    let manifest = world.keys("orders/manifest/").pop().expect("a manifest");
    let manifest = open(&world.storage.peek(&manifest).expect("there"));
    let manifest: SnapshotManifest = serde_json::from_slice(&manifest).expect("json");
    let mut raw = Vec::new();
    for part in &manifest.parts {
        let object = world
            .storage
            .peek(&format!("orders/{}", part.key))
            .expect("there");
        assert_eq!(ObjectHash::of(&object), part.hash);
        raw.extend(unzstd(dir.path(), &open(&object))?);
    }
    let mut previous = ObjectHash::genesis();
    for key in world.log_keys(ONE) {
        assert!(key.ends_with(previous.short()), "{key}");
        let object = world.storage.peek(&key).expect("there");
        previous = ObjectHash::of(&object);
        let plain = open(&object);
        let length = u32::from_le_bytes(plain[4..8].try_into().expect("four bytes")) as usize;
        let header: SegmentHeader = serde_json::from_slice(&plain[8..8 + length]).expect("json");
        assert!(key.ends_with(header.previous.short()));
        raw.extend(unzstd(dir.path(), &plain)?);
    }
    Some(String::from_utf8(raw).expect("the fake writes text"))
}

async fn protected(world: &World) {
    let protection = world.protect().await;
    world.put_rows("row", 4).await;
    protection.caught_up().await;
    protection.stop().await;
    world.restore_all().await;
}

fn has_every_row(text: &str) {
    for key in ["first", "row-0", "row-1", "row-2", "row-3"] {
        let line = format!("\"put\",\"{key}\"");
        assert_eq!(text.matches(&line).count(), 1, "{key} in {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn zstd_alone_gives_the_database_bytes() {
    let world = World::new();
    protected(&world).await;
    if let Some(text) = by_hand(&world, <[u8]>::to_vec) {
        has_every_row(&text);
    }
}

#[tokio::test(start_paused = true)]
async fn age_and_zstd_give_the_database_bytes_of_an_encrypted_vault() {
    let identity = Identity::generate();
    let mut world = World::new();
    world.options.recipients = vec![identity.to_public().to_string()];
    world.options.identity = Some(Secret::new(identity.to_string().expose_secret()));
    protected(&world).await;
    for key in world.keys("orders/snapshot/") {
        assert!(key.ends_with(".zst.age"), "{key}");
    }
    for key in world.keys("orders/") {
        let object = world.storage.peek(&key).expect("there");
        let text = String::from_utf8_lossy(&object);
        assert!(!text.contains("row-1"), "{key} shows a row");
    }
    let open = |object: &[u8]| age::decrypt(&identity, object).expect("decrypts");
    if let Some(text) = by_hand(&world, open) {
        has_every_row(&text);
    }
}

#[tokio::test(start_paused = true)]
async fn the_wrong_identity_is_refused_clearly() {
    let (ours, strangers) = (Identity::generate(), Identity::generate());
    let mut world = World::new();
    world.options.recipients = vec![ours.to_public().to_string()];
    world.options.identity = Some(Secret::new(ours.to_string().expose_secret()));
    protected(&world).await;
    world.target.revive_empty();
    world.options.recipients = vec![];
    for (identity, code) in [
        (Some(strangers), "PB-REPO-WRONG-IDENTITY"),
        (None, "PB-REPO-NO-IDENTITY"),
    ] {
        let secret = identity.map(|i| Secret::new(i.to_string().expose_secret()));
        world.options.identity = secret;
        let error = world.restore().await.expect_err("no key");
        assert_eq!(error.code(), code);
        assert!(error.hint_text().is_some());
        let error = world
            .repository()
            .recovery_point()
            .await
            .expect_err("no key");
        assert_eq!(error.code(), code);
        assert!(world.target.rows().is_empty());
        // Fencing needs no key.
        world.claim(world::TWO).await;
        let closed = world.repository().close_log(world::TWO).await;
        closed.expect("closed");
    }
}
