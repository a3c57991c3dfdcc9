//! Signed vaults: keys, what a refusal says, and what somebody without the key adds.

use super::World;
use super::ordered::OrderedDatabase;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use planb_model::Secret;
use planb_ports::progress::NoProgress;
use planb_ports::{Repository, RestoreOptions, RestoreTo};
use planb_testkit::FakeDatabase;
use planb_vault::VaultOptions;

/// What comes before the 32 bytes of a key as openssl writes it (RFC 8410).
const PRIVATE_PREFIX: &str = "302e020100300506032b657004220420";
const PUBLIC_PREFIX: &str = "302a300506032b6570032100";

/// A key as openssl writes it, and its public half.
pub fn signer(seed: u8) -> (SigningKey, Secret, String) {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let pem = |kind: &str, prefix: &str, bytes: &[u8]| {
        let mut der = hex(prefix);
        der.extend_from_slice(bytes);
        let base64 = STANDARD.encode(der);
        format!("-----BEGIN {kind} KEY-----\n{base64}\n-----END {kind} KEY-----\n")
    };
    let private = Secret::new(pem("PRIVATE", PRIVATE_PREFIX, &[seed; 32]));
    let public = pem("PUBLIC", PUBLIC_PREFIX, key.verifying_key().as_bytes());
    (key, private, public)
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let digits = std::str::from_utf8(pair).expect("ascii");
        u8::from_str_radix(digits, 16).expect("hex")
    };
    pairs.map(byte).collect()
}

/// An empty vault that is signed, and checked, by key 7.
pub fn signed() -> World {
    let mut world = World::new();
    sign(&mut world);
    world
}

/// Signs with key 7 from now on, and takes nothing else.
pub fn sign(world: &mut World) {
    let (_, private, public) = signer(7);
    world.options.signing_key = Some(private);
    world.options.trusted_signers = vec![public];
}

/// Somebody who has a copy of the vault and of the source, and these options.
pub fn stranger(world: &World, options: VaultOptions) -> World {
    World {
        storage: world.storage.fork(),
        source: world.source.fork(),
        target: FakeDatabase::new("other", world.clock.clone()),
        clock: world.clock.clone(),
        options,
    }
}

/// Why a restore to the end is refused.
pub async fn code(world: &World) -> &'static str {
    world.restore().await.expect_err("refused").code()
}

/// Restores to a moment into a target that orders its positions.
pub async fn restore_to(world: &World, moment: jiff::Timestamp) -> Result<(), &'static str> {
    let options = RestoreOptions {
        to: RestoreTo::Time(moment),
        ..RestoreOptions::default()
    };
    let target = OrderedDatabase::of(&world.target, &world.clock);
    let repository = world.repository();
    let restored = repository.restore(&target, &options, &NoProgress).await;
    restored.map(drop).map_err(|e| {
        assert!(e.hint_text().is_some(), "{}", e.chain());
        e.code()
    })
}
