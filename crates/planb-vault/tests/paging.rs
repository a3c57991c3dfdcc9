//! A vault with more segments than fit into memory at once: points and pruning
//! page through the listing.
//!
//! The only test of its program: it measures the memory of the process.

#![allow(
    clippy::disallowed_methods,
    reason = "reads its own memory from /proc, which no port offers"
)]

mod world;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use planb_model::ServiceName;
use planb_model::recovery::{
    LogPosition, ObjectHash, RetentionPolicy, SegmentBody, SegmentHeader, SegmentSeq,
    SnapshotManifest,
};
use planb_ports::storage::{ObjectInfo, ObjectUpload};
use planb_ports::{Clock, PortResult, VaultStorage};
use planb_testkit::{MemoryStorage, SeededRandom};
use planb_vault::{VaultOptions, VaultRepository};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use world::{ONE, World};

/// Segments of the long chain.
const SEGMENTS: u64 = 200_000;
/// Where the later snapshot stands in it.
const LATER: u64 = 150_000;
const LOG: &str = "orders/log/0000000001/";
/// Bytes of every segment, as it is listed.
const SIZE: u64 = 1_000;
/// A list of all names would take about 30 MiB.
const MORE_KIB_MAX: u64 = 8 * 1024;

/// A storage whose log is made when it is asked for.
#[derive(Clone)]
struct Long {
    rest: MemoryStorage,
    start: LogPosition,
    first: Arc<AtomicU64>,
    deletes: Arc<AtomicU64>,
}

fn hash_of(seq: u64) -> ObjectHash {
    ObjectHash::of(&seq.to_le_bytes())
}

fn key_of(seq: u64) -> String {
    format!("{LOG}{seq:010}-{}", hash_of(seq - 1).short())
}

impl Long {
    fn place(&self, at: u64) -> LogPosition {
        LogPosition {
            at: at.to_string(),
            ..self.start.clone()
        }
    }

    /// A segment as docs/formats/vault.md says.
    fn segment(&self, seq: u64) -> Bytes {
        let start = if seq == 1 {
            self.start.clone()
        } else {
            self.place(seq)
        };
        let header = SegmentHeader {
            format: 1,
            service: ServiceName::new("orders").expect("name"),
            epoch: ONE,
            seq: SegmentSeq(seq),
            previous: hash_of(seq - 1),
            written_at: jiff::Timestamp::UNIX_EPOCH,
            body: SegmentBody::Log {
                start,
                end: self.place(seq + 1),
                transactions: 1,
                raw_bytes: 0,
            },
        };
        let skippable = |magic: u8, content: &[u8]| {
            let length = u32::try_from(content.len()).expect("short").to_le_bytes();
            [&[magic, 0x2A, 0x4D, 0x18], &length[..], content].concat()
        };
        let head = serde_json::to_vec(&header).expect("JSON");
        let body = zstd::encode_all(&b""[..], 1).expect("zstd");
        let above = [skippable(0x50, &head), body].concat();
        let check = blake3::hash(&above);
        [above, skippable(0x51, check.as_bytes())].concat().into()
    }
}

#[async_trait]
impl VaultStorage for Long {
    async fn create(&self, key: &str, bytes: Bytes) -> PortResult<()> {
        self.rest.create(key, bytes).await
    }
    async fn upload(&self, key: &str) -> PortResult<Box<dyn ObjectUpload>> {
        self.rest.upload(key).await
    }
    async fn read(&self, key: &str) -> PortResult<Bytes> {
        match key.strip_prefix(LOG) {
            Some(name) => Ok(self.segment(name[..10].parse().expect("a number"))),
            None => self.rest.read(key).await,
        }
    }
    async fn read_stream(&self, key: &str) -> PortResult<BoxStream<'static, PortResult<Bytes>>> {
        self.rest.read_stream(key).await
    }
    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ObjectInfo>> {
        assert!(!prefix.starts_with(LOG), "the whole log at once");
        self.rest.list(prefix, after).await
    }
    async fn list_stream(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> PortResult<BoxStream<'static, PortResult<ObjectInfo>>> {
        if !prefix.starts_with(LOG) {
            let listed = self.rest.list(prefix, after).await?;
            return Ok(stream::iter(listed.into_iter().map(Ok)).boxed());
        }
        let after = after.and_then(|key| key.strip_prefix(LOG)?[..10].parse().ok());
        let first = self.first.load(Relaxed).max(after.unwrap_or(1));
        let info = |seq| ObjectInfo {
            key: key_of(seq),
            size: SIZE,
        };
        Ok(stream::iter((first..=SEGMENTS).map(info).map(Ok)).boxed())
    }
    async fn delete(&self, key: &str) -> PortResult<()> {
        self.deletes.fetch_add(1, Relaxed);
        match key.strip_prefix(LOG) {
            Some(name) => {
                let seq: u64 = name[..10].parse().expect("a number");
                let gone = self.first.fetch_max(seq + 1, Relaxed);
                assert_eq!(gone, seq, "the oldest goes first");
                Ok(())
            }
            None => self.rest.delete(key).await,
        }
    }
}

/// The first snapshot again, as if it was taken later.
fn later_snapshot(world: &World, long: &Long) {
    let key = world.keys("orders/manifest/").remove(0);
    let json = world.storage.peek(&key).expect("there");
    let mut manifest: SnapshotManifest = serde_json::from_slice(&json).expect("JSON");
    let (time, _) = manifest.id.split_once('-').expect("an identifier");
    let id = format!("{time}-ffffffff");
    for part in &mut manifest.parts {
        let object = world.storage.peek(&format!("orders/{}", part.key));
        part.key = part.key.replace(&manifest.id, &id);
        let key = format!("orders/{}", part.key);
        world.storage.plant(&key, object.expect("there"));
    }
    manifest.id = id;
    manifest.next_segment = SegmentSeq(LATER);
    manifest.position = long.place(LATER);
    let json = serde_json::to_vec(&manifest).expect("JSON");
    let hash = ObjectHash::of(&json);
    let (id, hash) = (&manifest.id, hash.short());
    let key = format!("orders/manifest/0000000001-{LATER:010}-{id}-{hash}.json");
    world.storage.plant(&key, json);
}

async fn long_vault() -> (World, Long) {
    let world = World::new();
    let protection = world.protect().await;
    protection.caught_up().await;
    protection.stop().await;
    let points = world.repository().points().await.expect("points");
    let manifest = world.repository().manifest(&points[0].id).await;
    for key in world.log_keys(ONE) {
        world.storage.lose(&key).expect("there");
    }
    let long = Long {
        rest: world.storage.clone(),
        start: manifest.expect("there").position,
        first: Arc::new(AtomicU64::new(1)),
        deletes: Arc::default(),
    };
    later_snapshot(&world, &long);
    (world, long)
}

/// The most memory this process ever had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let number = line.expect("VmHWM").trim().trim_end_matches(" kB");
    number.parse().expect("a number")
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_thousands_of_segments_are_paged_through() {
    let (world, long) = long_vault().await;
    let repository = VaultRepository::new(
        Arc::new(long.clone()),
        ServiceName::new("orders").expect("name"),
        VaultOptions::default(),
        Arc::new(world.clock.clone()),
        Arc::new(SeededRandom::new(7)),
    );
    let repository = repository.expect("good options");
    let before = peak_kib();
    let points = repository.points().await.expect("points");
    let more = peak_kib() - before;
    let log: Vec<_> = points.iter().map(|p| p.log.clone().expect("log")).collect();
    let ranges: Vec<_> = log
        .iter()
        .map(|l| (l.first.0, l.last.0, l.stored_bytes))
        .collect();
    let bytes = |from: u64| (SEGMENTS - from + 1) * SIZE;
    assert_eq!(
        ranges,
        [(LATER, SEGMENTS, bytes(LATER)), (1, SEGMENTS, bytes(1))]
    );
    assert!(more < MORE_KIB_MAX, "{more} KiB more for points");

    world.clock.sleep(Duration::from_secs(3_600)).await;
    let policy = RetentionPolicy {
        keep_last: 1,
        keep_for: Duration::ZERO,
        ..RetentionPolicy::default()
    };
    let report = repository.prune(&policy, false).await.expect("prunes");
    // The segment before the first that is needed stays.
    assert_eq!(long.first.load(Relaxed), LATER - 1);
    assert_eq!(report.deleted.len() as u64, long.deletes.load(Relaxed));
    let after = peak_kib() - before;
    eprintln!(
        "{SEGMENTS} segments: points took {more} KiB more, pruning {} objects {after} KiB",
        report.deleted.len()
    );
}
