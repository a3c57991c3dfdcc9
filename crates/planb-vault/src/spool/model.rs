//! The queue, its files and the chain against a model: log is read, written to
//! disk and shipped, files are torn and the process is killed, in any order.
//!
//! Whatever happened, every byte of the source is in the vault once and in its
//! place, and a life after a kill goes on with exactly what was whole on disk.

use super::{Backlog, Spool, SpoolOptions};
use crate::VaultOptions;
use crate::chain::{Ends, Head};
use crate::layout::Layout;
use crate::seal::Seal;
use crate::ship::{Resume, Shipped, Shipper};
use crate::sign::Signing;
use crate::vault::Vault;
use bytes::Bytes;
use futures::TryStreamExt;
use planb_model::recovery::{LogPosition, SegmentSeq};
use planb_model::{Epoch, ServiceName, SiteName};
use planb_ports::LogBatch;
use planb_ports::repository::{ProtectControl, ProtectEvent};
use planb_testkit::{MemoryDisk, MemoryStorage, SeededRandom, SimClock};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use std::cell::Cell;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const EPOCH: Epoch = Epoch(1);
const FOLDER: &str = "/spool/orders";
/// A handful of objects.
const BYTES_MAX: u64 = 48 * 1024;
const CASES: u32 = 192;

#[derive(Debug, Clone)]
enum Step {
    /// So many bytes of log are read, if there is room.
    Read(u16),
    /// Seconds pass, and what waits for long goes to disk.
    Spill(u8),
    /// The first one goes to the vault.
    Ship,
    /// It goes there, and the process is killed before its file is removed.
    ShipAndDie,
    Die,
    /// A file is cut off.
    Tear(Index),
    /// A kill in the middle of a write.
    DieWriting,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..12_000_u16).prop_map(Step::Read),
        4 => (0..6_u8).prop_map(Step::Spill),
        4 => Just(Step::Ship),
        1 => Just(Step::ShipAndDie),
        2 => Just(Step::Die),
        1 => any::<Index>().prop_map(Step::Tear),
        1 => Just(Step::DieWriting),
    ]
}

/// What the model knows of an object that waits.
#[derive(Debug)]
struct Expected {
    seq: SegmentSeq,
    end: u64,
    on_disk: bool,
    torn: bool,
}

struct Quiet;

impl ProtectControl for Quiet {
    fn should_stop(&self) -> bool {
        false
    }

    fn event(&self, _event: ProtectEvent) {}
}

/// The source's log from `start` on: bytes that do not compress.
fn log(start: u64, bytes: u64) -> Bytes {
    let mut reader = blake3::Hasher::new().finalize_xof();
    reader.set_position(start);
    let mut log = vec![0; usize::try_from(bytes).expect("small")];
    reader.fill(&mut log);
    log.into()
}

fn place(at: u64) -> LogPosition {
    LogPosition {
        stream: "model".into(),
        at: at.to_string(),
        gtid: None,
    }
}

/// One run; `disk` and the vault outlive each life.
struct Model<'a> {
    vault: &'a Vault,
    disk: MemoryDisk,
    backlog: Backlog<'a>,
    shipper: Shipper<'a>,
    waiting: VecDeque<Expected>,
    /// What the vault has.
    durable: u64,
    spooled: bool,
}

impl<'a> Model<'a> {
    async fn new(vault: &'a Vault, disk: MemoryDisk) -> Self {
        let site = SiteName::new("seoul").expect("a name");
        vault.claim(EPOCH, "model", &site).await.expect("claimed");
        let (backlog, shipper) = live(vault).await;
        Self {
            vault,
            disk,
            backlog,
            shipper,
            waiting: VecDeque::new(),
            durable: 0,
            spooled: false,
        }
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Read(bytes) => self.read(u64::from(*bytes)).await,
            Step::Spill(secs) => {
                let pause = Duration::from_secs(u64::from(*secs));
                self.vault.clock.sleep(pause).await;
                self.spill().await;
            }
            Step::Ship => self.ship(true).await,
            Step::ShipAndDie => {
                self.ship(false).await;
                self.die().await;
            }
            Step::Die => self.die().await,
            Step::Tear(which) => self.tear(which),
            Step::DieWriting => {
                let prefix = self.disk.files_in(Path::new(FOLDER));
                if let Some(file) = prefix.last() {
                    let torn = Path::new(FOLDER).join(format!(".{}.1-1.tmp", file.name));
                    let spool = self.vault.spool.as_ref().expect("a spool");
                    let written = spool.disk.write_atomic(&torn, b"half").await;
                    written.expect("written");
                }
                self.die().await;
            }
        }
        self.check().await;
    }

    fn end(&self) -> u64 {
        self.waiting.back().map_or(self.durable, |item| item.end)
    }

    async fn read(&mut self, bytes: u64) {
        let (generation, room) = {
            let queue = self.backlog.queue();
            (queue.generation, queue.has_room())
        };
        if !room {
            return;
        }
        let (start, seq) = (self.end(), self.backlog.queue().head.next);
        let batch = LogBatch {
            start: place(start),
            end: place(start + bytes),
            bytes: log(start, bytes),
            transactions: 1,
            read_at: self.vault.clock.now(),
        };
        let pushed = self.backlog.push(generation, &batch).await;
        pushed.expect("it follows");
        self.waiting.push_back(Expected {
            seq,
            end: start + bytes,
            on_disk: false,
            torn: false,
        });
    }

    async fn spill(&mut self) {
        loop {
            let next = self.backlog.queue().to_spill(self.vault.clock.now());
            let Some(encoded) = next else { return };
            let written = self.backlog.write(&encoded).await.expect("a disk");
            if !written {
                self.backlog.queue().refused = true;
                return;
            }
            let expected = self.waiting.iter_mut().find(|item| item.seq == encoded.seq);
            expected.expect("it waits").on_disk = true;
            self.spooled = true;
        }
    }

    async fn ship(&mut self, finish: bool) {
        let Some(first) = self.backlog.queue().front() else {
            return;
        };
        let expected = self.waiting.front().expect("it waits");
        let Ok(encoded) = self.backlog.load(&first).await else {
            assert!(expected.torn, "{expected:?} cannot be read");
            self.waiting.clear();
            let resume = self.resume();
            return self.backlog.reset(resume, &Quiet, "torn").await;
        };
        assert_eq!(encoded.end, place(expected.end), "in order");
        let shipped = self.shipper.ship_encoded(&encoded, &|_, _| {}).await;
        let shipped = shipped.expect("it follows the chain");
        assert!(matches!(shipped, Shipped::Stored { .. }), "{shipped:?}");
        self.durable = expected.end;
        self.waiting.pop_front();
        if finish {
            self.backlog.pop(&encoded).await;
        }
    }

    fn resume(&self) -> Resume {
        Resume {
            head: self.shipper.head.clone(),
            position: self.shipper.position.clone(),
            snapshot: String::new(),
        }
    }

    async fn die(&mut self) {
        (self.backlog, self.shipper) = live(self.vault).await;
        let whole = |item: &Expected| item.on_disk && !item.torn;
        let count = self.waiting.iter().take_while(|item| whole(item)).count();
        self.waiting.truncate(count);
    }

    fn tear(&mut self, which: &Index) {
        let files = self.disk.files_in(Path::new(FOLDER));
        if files.is_empty() {
            return;
        }
        let nth = which.index(files.len());
        let bytes = usize::try_from(files[nth].bytes / 2).expect("small");
        let path = Path::new(FOLDER).join(&files[nth].name);
        self.disk.tear(&path, bytes);
        self.waiting[nth].torn = true;
    }

    async fn check(&self) {
        let files = self.backlog.files.as_ref().expect("a disk");
        let listed = files.list().await.expect("a disk");
        let on_disk = self.waiting.iter().take_while(|item| item.on_disk);
        let expected: Vec<_> = on_disk.map(|item| item.seq).collect();
        let found: Vec<_> = listed.iter().map(|file| file.seq).collect();
        assert_eq!(found, expected, "the beginning of the queue is on disk");
        let all = self.disk.files_in(Path::new(FOLDER));
        assert_eq!(all.len(), listed.len(), "nothing else is: {all:?}");
        let queue = self.backlog.queue();
        assert!(queue.disk_bytes() <= BYTES_MAX, "the bound");
        assert_eq!(queue.is_empty(), self.waiting.is_empty());
        assert_eq!(
            queue.durable,
            place(self.durable),
            "only what the vault has"
        );
        assert_eq!(queue.position, place(self.end()));
    }

    /// Ships all that waits; reads again what a tear took.
    async fn finish(&mut self, total: u64) {
        while self.durable < total {
            while !self.waiting.is_empty() {
                self.ship(true).await;
            }
            self.read(total - self.end()).await;
        }
        self.check().await;
        let names = self.vault.segments(EPOCH, SegmentSeq::FIRST).await;
        let names: Vec<_> = names.expect("listed").try_collect().await.expect("whole");
        let (mut head, mut there) = (Head::of(EPOCH), Vec::new());
        for name in names {
            let object = self.vault.storage.read(&name.key).await.expect("there");
            let segment = self.vault.decode(&name.key, object).await.expect("whole");
            head.advance(&segment).expect("it follows");
            there.extend_from_slice(&segment.raw);
        }
        assert!(there == log(0, total), "every byte once, in its place");
    }
}

/// A new life: what it finds on the disk and in the vault.
async fn live(vault: &Vault) -> (Backlog<'_>, Shipper<'_>) {
    let head = vault.head(EPOCH).await.expect("a chain");
    let resume = Resume {
        position: head.end.clone().unwrap_or_else(|| place(0)),
        head,
        snapshot: String::new(),
    };
    let files = vault.spool_files(EPOCH).await.expect("claimed");
    let files = files.expect("a spool");
    let queue = Backlog::look_through(&files, &resume, &Quiet).await;
    let backlog = Backlog::of(vault, Some(files), queue.expect("a disk"));
    (backlog, Shipper::new(vault, &resume, 0))
}

/// Whether anything was spooled.
async fn run(steps: &[Step]) -> bool {
    let clock = SimClock::at_new_year();
    let disk = MemoryDisk::new(1 << 30);
    let service = ServiceName::new("orders").expect("a name");
    let vault = Vault {
        storage: Arc::new(MemoryStorage::new()),
        layout: Layout::new(service.clone()),
        service,
        seal: Seal::new(&[], None).expect("no keys"),
        signing: Signing::new(None, &[]).expect("no keys"),
        options: VaultOptions::default(),
        clock: Arc::new(clock),
        random: Arc::new(SeededRandom::new(1)),
        ends: Ends::default(),
        spool: Some(Spool {
            disk: Arc::new(disk.clone()),
            options: SpoolOptions {
                directory: "/spool".into(),
                bytes_max: BYTES_MAX,
                keep_free_bytes: 0,
            },
        }),
    };
    let mut model = Model::new(&vault, disk).await;
    let mut total = 0;
    for step in steps {
        model.step(step).await;
        total = total.max(model.end());
    }
    model.finish(total + 1).await;
    model.spooled
}

#[test]
fn any_order_of_reads_spills_puts_and_kills_loses_nothing() {
    let seed = match ProptestConfig::default().rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().build_hasher().finish(),
    };
    eprintln!("PROPTEST_RNG_SEED={seed} repeats these runs");
    let config = ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let spooled = Cell::new(0);
    proptest!(config, |(steps in vec(step(), 1..60))| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        spooled.set(spooled.get() + u32::from(runtime.block_on(run(&steps))));
    });
    let spooled = spooled.get();
    assert!(
        spooled > CASES / 2,
        "only {spooled} of {CASES} runs had a spool"
    );
}
