//! Bytes and objects changed at random: a reader gives what was written, or says
//! that the vault is damaged. It never panics, never gives other data, and never
//! takes the memory a forged header asks for.

#![allow(
    clippy::disallowed_methods,
    reason = "one test reads its own memory from /proc, which no port offers"
)]

mod world;

use planb_model::Secret;
use planb_ports::progress::NoProgress;
use planb_ports::{ErrorKind, PortError, PortResult, Repository, RestoreOptions};
use planb_testkit::{FakeDatabase, Link, MemoryStorage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeMap;
use world::{ONE, TWO, World};

/// `age-keygen`, for these tests alone.
const IDENTITY: &str = "AGE-SECRET-KEY-1T2EHMF7Z3P92MTC3NE6YYE3REWZDVMEJM8HW0T5ALVGFYRYPYR4S8KL257";
const RECIPIENT: &str = "age1556cp6mh6pke65c5lk7l5y8pvtmfsgs57clqcjng37l38vvsfafsla92kd";
/// Objects of a vault that a restore reads.
const READ: [&str; 3] = ["orders/log/", "orders/manifest/", "orders/snapshot/"];

/// One change of a vault. Objects are chosen among those a restore reads.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, Index, u8),
    Truncate(Index, Index),
    /// Some bytes are there twice.
    Stutter(Index, Index, u16),
    Append(Index, Vec<u8>),
    Replace(Index, Vec<u8>),
    /// Two objects change places.
    Swap(Index, Index),
    /// One object lies in the place of another one.
    Copy(Index, Index),
    Remove(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let (object, place) = (any::<Index>, any::<Index>);
    prop_oneof![
        4 => (object(), place(), 1..=255_u8).prop_map(|(o, p, b)| Change::Flip(o, p, b)),
        2 => (object(), place()).prop_map(|(o, p)| Change::Truncate(o, p)),
        1 => (object(), place(), 1..200_u16).prop_map(|(o, p, n)| Change::Stutter(o, p, n)),
        1 => (object(), vec(any::<u8>(), 1..64)).prop_map(|(o, b)| Change::Append(o, b)),
        1 => (object(), vec(any::<u8>(), 0..64)).prop_map(|(o, b)| Change::Replace(o, b)),
        2 => (object(), object()).prop_map(|(a, b)| Change::Swap(a, b)),
        2 => (object(), object()).prop_map(|(a, b)| Change::Copy(a, b)),
        1 => object().prop_map(Change::Remove),
    ]
}

impl Change {
    fn make(&self, storage: &MemoryStorage, keys: &[String]) {
        let key = |index: &Index| &keys[index.index(keys.len())];
        let bytes = |key: &String| storage.peek(key).unwrap_or_default().to_vec();
        match self {
            Change::Flip(o, place, bits) => edit(storage, key(o), |bytes| {
                if !bytes.is_empty() {
                    let at = place.index(bytes.len());
                    bytes[at] ^= bits;
                }
            }),
            Change::Truncate(o, place) => edit(storage, key(o), |bytes| {
                let length = place.index(bytes.len() + 1);
                bytes.truncate(length);
            }),
            Change::Stutter(o, place, length) => edit(storage, key(o), |bytes| {
                let at = place.index(bytes.len() + 1);
                let end = bytes.len().min(at + usize::from(*length));
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }),
            Change::Append(o, more) => edit(storage, key(o), |bytes| bytes.extend(more)),
            Change::Replace(o, new) => edit(storage, key(o), |bytes| bytes.clone_from(new)),
            Change::Swap(a, b) => {
                let (at_a, at_b) = (bytes(key(a)), bytes(key(b)));
                storage.plant(key(a), at_b);
                storage.plant(key(b), at_a);
            }
            Change::Copy(a, b) => storage.plant(key(b), bytes(key(a))),
            Change::Remove(o) => drop(storage.lose(key(o))),
        }
    }
}

fn edit(storage: &MemoryStorage, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = storage.peek(key).unwrap_or_default().to_vec();
    change(&mut bytes);
    storage.plant(key, bytes);
}

/// A vault with two snapshots, log, and a closed chain.
struct Template {
    world: World,
    keys: Vec<String>,
    rows: BTreeMap<String, String>,
}

impl Template {
    async fn make(encrypted: bool) -> Self {
        let mut world = World::new();
        if encrypted {
            world.options.recipients = vec![RECIPIENT.into()];
            world.options.identity = Some(Secret::new(IDENTITY));
        }
        world.ship_rows("a", 4).await;
        world.source.put("between", "lives").expect("writable");
        world.source.purge_log();
        let again = world.protect_through(Link::direct());
        world.put_rows("b", 4).await;
        again.caught_up().await;
        again.stop().await;
        world.claim(TWO).await;
        world.repository().close_log(TWO).await.expect("closed");
        let keys: Vec<String> = READ.iter().flat_map(|p| world.keys(p)).collect();
        assert!(keys.len() > 8 && world.log_keys(ONE).len() > 4, "{keys:?}");
        let rows = world.source.rows();
        Self { world, keys, rows }
    }

    /// The same vault after `changes`, for a reader of its own.
    fn changed(&self, changes: &[Change]) -> World {
        let storage = self.world.storage.fork();
        for change in changes {
            change.make(&storage, &self.keys);
        }
        World {
            clock: self.world.clock.clone(),
            source: self.world.source.fork(),
            target: FakeDatabase::new("busan", self.world.clock.clone()),
            storage,
            options: self.world.options.clone(),
        }
    }
}

/// A panic of a thread that computes comes back as this code.
fn no_panic(error: &PortError) {
    assert_ne!(error.code(), "PB-REPO-INTERNAL", "{}", error.chain());
    assert!(!error.to_string().is_empty());
}

/// Reads `world` in both ways there are; `removed` allows an earlier state.
async fn read(template: &Template, world: &World, removed: bool) {
    match world.restore().await {
        Err(error) => no_panic(&error),
        Ok(_) => {
            let there = world.target.rows();
            if removed {
                for (key, value) in &there {
                    assert_eq!(template.rows.get(key), Some(value), "invented {key}");
                }
            } else {
                assert_eq!(there, template.rows, "other data, and not a word");
            }
        }
    }
    if let Err(error) = world.repository().recovery_point().await {
        no_panic(&error);
    }
}

fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(work)
}

fn check(encrypted: bool) {
    let template = in_virtual_time(Template::make(encrypted));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(changes in vec(change(), 1..4))| {
        let world = template.changed(&changes);
        let removed = changes.iter().any(|change| matches!(change, Change::Remove(_)));
        runtime.block_on(read(&template, &world, removed));
    });
}

#[test]
fn a_changed_vault_gives_the_same_or_says_so() {
    check(false);
}

#[test]
fn a_changed_encrypted_vault_gives_the_same_or_says_so() {
    check(true);
}

#[test]
fn an_unchanged_vault_is_read() {
    for encrypted in [false, true] {
        in_virtual_time(async {
            let template = Template::make(encrypted).await;
            let world = template.changed(&[]);
            world.restore().await.expect("whole");
            assert_eq!(world.target.rows(), template.rows);
        });
    }
}

async fn with_identity(template: &Template, identity: Option<&str>) -> PortResult<()> {
    let mut world = template.changed(&[]);
    world.options.recipients = vec![];
    world.options.identity = identity.map(Secret::new);
    let repository = world.repository();
    let options = RestoreOptions::default();
    let restored = repository
        .restore(&world.target, &options, &NoProgress)
        .await;
    assert!(world.target.rows().is_empty(), "something was loaded");
    restored.map(drop)
}

#[test]
fn a_lost_key_and_a_wrong_key_are_said_and_load_nothing() {
    const OTHER: &str =
        "AGE-SECRET-KEY-1UTEKLPMUV4MV0WCUY40V09KSF2UJYS34QXSMJXQGEM4SX0AS2DESHZLA4Y";
    in_virtual_time(async {
        let template = Template::make(true).await;
        for identity in [None, Some(OTHER)] {
            let error = with_identity(&template, identity)
                .await
                .expect_err("no key");
            assert!(error.code().starts_with("PB-REPO-"), "{}", error.chain());
            assert!(error.hint_text().is_some(), "{}", error.chain());
            assert_ne!(error.kind(), ErrorKind::Internal);
            assert!(!error.chain().contains(OTHER));
        }
    });
}

/// A whole object whose check is right and whose header lies.
fn forged(head: &str, body: &[u8]) -> Vec<u8> {
    let skippable = |magic: u8, content: &[u8]| {
        let length = u32::try_from(content.len()).expect("short").to_le_bytes();
        [&[magic, 0x2A, 0x4D, 0x18], &length[..], content].concat()
    };
    let above = [skippable(0x50, head.as_bytes()), body.to_vec()].concat();
    let check = blake3::hash(&above);
    [above, skippable(0x51, check.as_bytes())].concat()
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let number = line.expect("VmHWM").trim().trim_end_matches(" kB");
    number.parse().expect("a number")
}

#[test]
fn a_header_that_claims_gigabytes_gets_none() {
    const CLAIM: u64 = 64 << 30;
    in_virtual_time(async {
        let template = Template::make(false).await;
        // The last one holds log no more: it closes the chain.
        let keys = template.world.log_keys(ONE);
        let key = keys[keys.len() - 2].clone();
        let object = template.world.storage.peek(&key).expect("there");
        let length = u32::from_le_bytes(object[4..8].try_into().expect("four"));
        let (head, rest) = object[8..].split_at(length as usize);
        let mut header: serde_json::Value = serde_json::from_slice(head).expect("JSON");
        claim(&mut header, "rawBytes", CLAIM);
        assert!(header.to_string().contains(&CLAIM.to_string()), "{header}");
        let body = &rest[..rest.len() - 40];
        // zstd's own header, which claims as much content in one window.
        let window = [&[0x28, 0xB5, 0x2F, 0xFD, 0xE0][..], &CLAIM.to_le_bytes()].concat();
        let mut long = object.to_vec();
        long[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        let before = peak_kib();
        for forged in [
            forged(&header.to_string(), body),
            forged(&header.to_string(), &window),
            long,
        ] {
            let world = template.changed(&[]);
            world.storage.plant(&key, forged);
            let error = world.restore().await.expect_err("forged");
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
            no_panic(&error);
        }
        let more = peak_kib() - before;
        assert!(more < 256 << 10, "{more} KiB were taken");
    });
}

fn claim(value: &mut serde_json::Value, name: &str, number: u64) {
    if let serde_json::Value::Object(fields) = value {
        for (key, value) in fields {
            if key == name {
                *value = number.into();
            } else {
                claim(value, name, number);
            }
        }
    }
}
