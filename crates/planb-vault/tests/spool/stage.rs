//! A protected source with a spool, behind a vault that can be cut off.

use crate::world::{ONE, Protection, World};
use planb_ports::Random;
use planb_ports::disk::DiskFile;
use planb_ports::repository::ProtectEvent;
use planb_testkit::{Incarnation, Link, MemoryDisk, SeededRandom};
use planb_vault::{SpoolOptions, VaultRepository};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub const DISK_BYTES: u64 = 1 << 30;
pub const ROOM: u64 = 64 << 20;
/// A row that does not compress, so that sizes can be counted on.
const ROW_BYTES: usize = 64 * 1024;

pub struct Stage {
    pub world: World,
    pub disk: MemoryDisk,
    pub to_disk: Link,
    pub to_vault: Link,
    pub options: SpoolOptions,
    random: SeededRandom,
}

impl Stage {
    pub fn new() -> Self {
        Self {
            world: World::new(),
            disk: MemoryDisk::new(DISK_BYTES),
            to_disk: Link::direct(),
            to_vault: Link::direct(),
            options: SpoolOptions {
                directory: "/spool".into(),
                bytes_max: ROOM,
                keep_free_bytes: 0,
            },
            random: SeededRandom::new(11),
        }
    }

    /// A repository of one life of this machine's process.
    pub fn repository(&self, life: &Incarnation) -> VaultRepository {
        let disk = Arc::new(self.disk.through(self.to_disk.of(life)));
        let repository = self.world.repository_of(self.to_vault.clone(), life);
        repository.with_spool(disk, self.options.clone())
    }

    pub fn protect_as(&self, life: &Incarnation) -> Protection {
        let source = Arc::new(self.world.source.clone());
        Protection::start(self.repository(life), source, &self.world.clock)
    }

    /// Claims the first epoch and protects, until the first canary is back.
    pub async fn protect(&self) -> Protection {
        self.world.claim(ONE).await;
        let protection = self.protect_as(&Incarnation::new());
        protection.caught_up().await;
        protection
    }

    /// Protects with the vault away and rows that wait on disk.
    pub async fn spooled(&self, rows: usize) -> Protection {
        let protection = self.protect().await;
        self.to_vault.set_up(false);
        self.world.put_rows("spooled", rows).await;
        let log = self.world.source.log_len();
        let all = || self.waits_to() >= log;
        protection.until("all of it on disk", all).await;
        protection
    }

    /// Rows that do not compress.
    pub fn put_large(&self, name: &str, count: usize) {
        for i in 0..count {
            let mut value = String::with_capacity(ROW_BYTES + 16);
            while value.len() < ROW_BYTES {
                value.push_str(&format!("{:016x}", self.random.next_u64()));
            }
            let put = self.world.source.put(&format!("{name}-{i}"), &value);
            put.expect("writable");
        }
    }

    pub fn folder(&self) -> PathBuf {
        self.options.directory.join("orders")
    }

    pub fn files(&self) -> Vec<DiskFile> {
        self.disk.files_in(&self.folder())
    }

    pub fn spooled_bytes(&self) -> u64 {
        self.files().iter().map(|f| f.bytes).sum()
    }

    pub fn path(&self, file: &DiskFile) -> PathBuf {
        Path::new(&self.folder()).join(&file.name)
    }

    /// Raw bytes and transactions of every segment in the vault. None is larger
    /// than asked for, unless it is a single transaction.
    pub fn bounded_segments(&self) -> Vec<(u64, u64)> {
        let sizes = self.world.log_keys(ONE).into_iter().map(|key| {
            let object = self.world.storage.peek(&key).expect("there");
            let length = object[4..8].try_into().map(u32::from_le_bytes);
            let head = &object[8..][..length.expect("a frame") as usize];
            let head: serde_json::Value = serde_json::from_slice(head).expect("a header");
            let number = |name: &str| head["body"][name].as_u64().expect("a number");
            (number("rawBytes"), number("transactions"))
        });
        let sizes: Vec<_> = sizes.collect();
        let bytes_max = self.world.options.flush_bytes;
        for (bytes, transactions) in &sizes {
            let fits = *bytes <= bytes_max || *transactions == 1;
            assert!(fits, "{bytes} bytes of {transactions} transactions");
        }
        sizes
    }

    /// How far the log on disk goes, by the heads of its objects.
    fn waits_to(&self) -> u64 {
        let Some(last) = self.files().pop() else {
            return 0;
        };
        let object = self.disk.peek(&self.path(&last)).unwrap_or_default();
        let text = String::from_utf8_lossy(&object).into_owned();
        let end = text.split("\"end\":").nth(1).unwrap_or_default();
        let at = end.split("\"at\":\"").nth(1).unwrap_or_default();
        let digits: String = at.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_default()
    }

    /// Long enough for every look and for puts that are tried again.
    pub async fn pass(&self, secs: u64) {
        use planb_ports::Clock;
        self.world.clock.sleep(Duration::from_secs(secs)).await;
    }
}

pub fn is_spooled(event: &ProtectEvent) -> bool {
    matches!(event, ProtectEvent::Spooled { bytes, .. } if *bytes > 0)
}

pub fn is_full(event: &ProtectEvent) -> bool {
    matches!(event, ProtectEvent::SpoolFull { .. })
}

pub fn is_discarded(event: &ProtectEvent) -> bool {
    matches!(event, ProtectEvent::SpoolDiscarded { .. })
}
