//! Keys: a recovery key in a safe, lost keys, and forged manifests.

mod world;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use ed25519_dalek::Signer;
use planb_model::Secret;
use planb_model::recovery::{NewRecord, ObjectHash, RecordKind, SignatureState};
use planb_ports::{Clock, PortResult, Repository};
use planb_testkit::Link;
use planb_vault::VaultOptions;
use std::time::Duration;
use world::signed::{code, restore_to, sign, signed, signer, stranger};
use world::{ONE, TWO, World, seq_of};

fn age_pair() -> (String, Secret) {
    let identity = Identity::generate();
    let secret = identity.to_string().expose_secret().to_owned();
    (identity.to_public().to_string(), Secret::new(secret))
}

#[tokio::test(start_paused = true)]
async fn the_key_in_the_safe_restores_alone_and_no_other_does() {
    let mut world = World::new();
    let (daily, safe, stranger) = (age_pair(), age_pair(), age_pair());
    world.options.recipients = vec![daily.0, safe.0];
    world.options.identity = Some(daily.1);
    world.ship_rows("a", 4).await;

    // The daily key is gone: what reads needs no recipients.
    world.options.recipients.clear();
    world.options.identity = None;
    assert_eq!(code(&world).await, "PB-REPO-NO-IDENTITY");
    world.options.identity = Some(stranger.1);
    assert_eq!(code(&world).await, "PB-REPO-WRONG-IDENTITY");
    assert!(world.target.rows().is_empty(), "nothing was touched");
    let point = world.repository().recovery_point().await;
    assert_eq!(point.expect_err("unread").code(), "PB-REPO-WRONG-IDENTITY");
    world.options.identity = Some(safe.1);
    world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn only_what_a_pinned_key_signed_counts() {
    let mut world = World::new();
    let (_, private, public) = signer(7);
    world.options.signing_key = Some(private);
    world.options.trusted_signers = vec![public.clone()];
    world.ship_rows("a", 4).await;
    let points = world.repository().points().await.expect("points");
    let state =
        |p: &planb_model::recovery::SnapshotPoint| p.facts.as_ref().expect("read").signature;
    assert_eq!(state(&points[0]), SignatureState::Valid);
    world.restore_all().await;

    // A forged manifest with its own right name, signed by somebody else.
    let key = world.keys("orders/manifest/").remove(0);
    let whole = world.storage.peek(&key).expect("there");
    let text = std::str::from_utf8(&whole).expect("json");
    let forged = text.replace("fake 1", "fake 2").into_bytes();
    let (stem, _) = key.rsplit_once('-').expect("a hash");
    let name = format!("{stem}-{}.json", ObjectHash::of(&forged).short());
    let stranger = signer(8).0.sign(&forged).to_bytes().to_vec();
    let kept = [&key, &format!("{key}.sig")].map(|k| (k.clone(), world.storage.lose(k)));
    world.storage.plant(&name, forged);
    world.target.revive_empty();
    assert_eq!(code(&world).await, "PB-REPO-SIGNATURE", "unsigned");
    world.storage.plant(&format!("{name}.sig"), stranger);
    assert_eq!(code(&world).await, "PB-REPO-SIGNATURE", "by a stranger");
    let copied = kept[1].1.clone().expect("a signature");
    world.storage.plant(&format!("{name}.sig"), copied);
    assert_eq!(code(&world).await, "PB-REPO-SIGNATURE", "of another one");
    assert!(world.target.rows().is_empty(), "nothing was touched");
    // Whoever pins no key is told what is not checked.
    world.options.trusted_signers.clear();
    let points = world.repository().points().await.expect("points");
    assert_eq!(state(&points[0]), SignatureState::Unchecked);

    for (key, bytes) in kept {
        world.storage.plant(&key, bytes.expect("there"));
    }
    world.storage.lose(&name);
    // After a change of keys both are pinned.
    let (_, private, other) = signer(9);
    world.options.trusted_signers = vec![other.clone()];
    world.options.signing_key = Some(private.clone());
    assert_eq!(code(&world).await, "PB-REPO-SIGNATURE");
    world.options.trusted_signers = vec![other, public];
    world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_forged_newer_snapshot_is_passed_over_and_told() {
    let world = signed();
    world.ship_rows("a", 4).await;
    let point = world.repository().recovery_point().await.expect("a point");
    assert!(point.passed_over.is_empty(), "{:?}", point.passed_over);

    let key = world.keys("orders/manifest/").remove(0);
    let manifest = world.storage.peek(&key).expect("there");
    let text = std::str::from_utf8(&manifest).expect("json");
    let newer = format!("2099{}", &point.snapshot[4..]);
    let forged = text.replacen(&point.snapshot, &newer, 1).into_bytes();
    let name = key.replacen(&point.snapshot, &newer, 1);
    let (stem, _) = name.rsplit_once('-').expect("a hash");
    let name = format!("{stem}-{}.json", ObjectHash::of(&forged).short());
    world.storage.plant(&name, forged);
    let again = world.repository().recovery_point().await.expect("a point");
    assert_eq!(again.snapshot, point.snapshot);
    let [told] = &again.passed_over[..] else {
        panic!("{:?}", again.passed_over);
    };
    assert!(
        told.starts_with("[PB-REPO-SIGNATURE] ") && told.contains(&name),
        "{told}"
    );
    world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn signing_that_begins_later_begins_with_a_new_snapshot() {
    let mut world = World::new();
    world.ship_rows("a", 4).await;
    sign(&mut world);
    assert_eq!(code(&world).await, "PB-REPO-SIGNATURE");
    world.ship_rows("a", 4).await;
    assert_eq!(
        world.keys("orders/manifest/").len(),
        3,
        "the second is signed"
    );
    let point = world.repository().recovery_point().await.expect("a point");
    assert!(point.passed_over.is_empty(), "{:?}", point.passed_over);
    world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_vault_without_signatures_says_so_and_keys_must_fit() {
    let mut world = World::new();
    world.ship_rows("a", 4).await;
    let points = world.repository().points().await.expect("points");
    let facts = points[0].facts.as_ref().expect("read");
    assert_eq!(facts.signature, SignatureState::Unsigned);
    let (_, private, public) = signer(1);
    let refused = |world: &World| -> PortResult<()> {
        let made = world.try_repository(Link::direct());
        made.map(drop)
    };
    world.options.signing_key = Some(private);
    world.options.trusted_signers = vec![signer(2).2];
    let error = refused(&world).expect_err("they do not fit");
    assert_eq!(error.code(), "PB-REPO-SIGNING-KEY");
    world.options.trusted_signers = vec![public];
    refused(&world).expect("they fit");
    world.options.signing_key = Some(Secret::new("c2VjcmV0"));
    let error = refused(&world).expect_err("too short");
    assert!(!error.chain().contains("c2VjcmV0"), "{}", error.chain());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_nobody_signed_does_not_count() {
    let mut world = World::new();
    world.ship_rows("a", 4).await;
    let snapshot = world.repository().points().await.expect("points")[0]
        .id
        .clone();
    let record = || NewRecord {
        kind: RecordKind::Verification,
        snapshot: snapshot.clone(),
        passed: Some(true),
        body: serde_json::json!({ "by": "drill" }),
    };
    let written = world
        .repository()
        .put_record(record())
        .await
        .expect("written");
    let read = world.repository().records(RecordKind::Verification).await;
    assert_eq!(read.expect("read")[0].body, written.body);
    let signals = world.repository().records(RecordKind::Signals).await;
    assert_eq!(signals.expect("read"), []);

    let (_, private, public) = signer(3);
    world.options.signing_key = Some(private);
    world.options.trusted_signers = vec![public];
    let repository = world.repository();
    let read = repository.records(RecordKind::Verification).await;
    assert_eq!(read.expect("read"), [], "anybody may have written it");
    repository.put_record(record()).await.expect("written");
    let read = repository.records(RecordKind::Verification).await;
    assert_eq!(read.expect("read")[0].signature, SignatureState::Valid);
}

/// A signed vault whose log was signed to its end, and another end of the same
/// log by somebody without the key.
async fn forged_tail() -> (World, jiff::Timestamp) {
    let world = signed();
    let protection = world.protect().await;
    world.put_rows("a", 4).await;
    let moment = world.clock.now();
    protection.caught_up().await;
    protection.stop().await;
    let common = world.log_keys(ONE).len();
    let stranger = stranger(&world, VaultOptions::default());
    world.clock.sleep(Duration::from_secs(5)).await;
    for (world, rows) in [(&world, "true"), (&stranger, "false")] {
        world.ship_rows(rows, 12).await;
    }
    for key in world.log_keys(ONE).split_off(common) {
        world.storage.lose(&key).expect("there");
    }
    for key in stranger.log_keys(ONE).split_off(common) {
        let object = stranger.storage.peek(&key).expect("there");
        world.storage.plant(&key, object);
    }
    (world, moment)
}

#[tokio::test(start_paused = true)]
async fn a_forged_end_of_the_log_is_noticed_before_anything_is_changed() {
    let (mut world, moment) = forged_tail().await;
    // The chain alone is whole: without keys nobody can tell.
    let keys = std::mem::take(&mut world.options.trusted_signers);
    world.restore().await.expect("restores");
    assert!(world.target.has("false-0") && !world.target.has("true-0"));

    world.options.trusted_signers = keys;
    world.target.revive_empty();
    let refused = code(&world).await;
    assert!(
        ["PB-REPO-FORGED-LOG", "PB-REPO-MISSING"].contains(&refused),
        "{refused}"
    );
    assert!(world.target.rows().is_empty(), "nothing was touched");
    // What was signed before can be restored.
    assert_eq!(restore_to(&world, moment).await, Ok(()));
    assert!(world.target.has("a-0") && !world.target.has("false-0"));
}

#[tokio::test(start_paused = true)]
async fn a_forged_segment_is_refused_on_the_way_to_a_moment_behind_it() {
    let (world, _) = forged_tail().await;
    let refused = restore_to(&world, world.clock.now()).await;
    // The forged log may be shorter than the true one, and end before what was signed.
    let codes = [
        "PB-REPO-FORGED-LOG",
        "PB-REPO-MISSING",
        "PB-REPO-UNSIGNED-LOG",
    ];
    let refused = refused.expect_err("forged");
    assert!(codes.contains(&refused), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_cut_off_is_refused_on_the_way_to_a_moment_behind_it() {
    let world = signed();
    world.ship_rows("a", 4).await;
    let last = world.log_keys(ONE).pop().expect("log");
    world.storage.lose(&last).expect("was there");
    let refused = restore_to(&world, world.clock.now()).await;
    assert_eq!(refused, Err("PB-REPO-MISSING"));
}

#[tokio::test(start_paused = true)]
async fn a_closed_log_is_signed_to_its_end_and_forged_checkpoints_do_not_count() {
    let world = signed();
    world.ship_rows("a", 4).await;
    world.claim(TWO).await;
    world.repository().close_log(TWO).await.expect("closed");
    let last = world.log_keys(ONE).pop().expect("closed");
    let seq = seq_of(&last).0;
    let signed = world.keys(&format!("orders/checkpoint/0000000001/{seq:010}-"));
    assert_eq!(signed.len(), 2, "a checkpoint and its signature");

    // The end of a closed log went away with the segment that closed it.
    let closing = world.storage.lose(&last).expect("there");
    assert_eq!(code(&world).await, "PB-REPO-MISSING");
    world.storage.plant(&last, closing);
    // One that nobody signed says nothing, whatever it says.
    let checkpoint = world.storage.peek(&signed[0]).expect("there");
    let text = String::from_utf8(checkpoint.to_vec()).expect("JSON");
    let forged = text.replace(&format!("\"seq\": {seq}"), &format!("\"seq\": {}", seq + 1));
    let key = format!(
        "orders/checkpoint/0000000001/{:010}-0123456789abcdef.json",
        seq + 1
    );
    world.storage.plant(&key, forged);
    world.restore_all().await;
}
