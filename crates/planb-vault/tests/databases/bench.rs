//! A vault in memory, real time, and a run of protection that can be watched.

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use planb_connector_system::{SystemClock, SystemRandom};
use planb_model::recovery::{SegmentSeq, SnapshotManifest};
use planb_model::{Epoch, Secret, ServiceName, SiteName};
use planb_ports::progress::NoProgress;
use planb_ports::repository::{ProtectControl, ProtectEvent, RestoreReport};
use planb_ports::{
    Clock, Database, PortResult, Repository, RestoreOptions, RestoreTo, SnapshotOptions,
};
use planb_testkit::MemoryStorage;
use planb_vault::{VaultOptions, VaultRepository};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longest wait for something that must happen.
const DEADLINE: Duration = Duration::from_secs(120);
const EPOCH: Epoch = Epoch(1);

/// Later snapshots that are waited for.
const LATER_SNAPSHOTS: usize = 2;
/// Segments that must arrive while one of them is taken; one would also be
/// there if the snapshot held the log up.
const SEGMENTS_MEANWHILE: usize = 3;

/// No segment of a server's log is larger.
pub const SEGMENT_BYTES_MAX: u64 = 16 << 20;

/// An encrypted and signed vault, and a service's repository in it.
pub struct Bench {
    storage: MemoryStorage,
    identity: Identity,
    snapshot_interval: Duration,
    /// The key that signs, and its public half, as `openssl` writes them.
    signer: (String, String),
    /// Whether snapshots have the users.
    pub users: bool,
}

/// As the documentation tells to make one.
fn signer() -> (String, String) {
    let openssl = |arguments: &[&str], input: &str| {
        let mut command = Command::new("openssl");
        command.args(arguments).stdin(Stdio::piped());
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl runs");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(input.as_bytes()).expect("written");
        drop(stdin);
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).expect("PEM")
    };
    let private = openssl(&["genpkey", "-algorithm", "ed25519"], "");
    let public = openssl(&["pkey", "-pubout"], &private);
    (private, public)
}

/// A running `protect`.
pub struct Protection {
    control: Arc<Control>,
    task: JoinHandle<PortResult<()>>,
}

struct Control {
    stop: AtomicBool,
    events: watch::Sender<Vec<ProtectEvent>>,
}

impl ProtectControl for Control {
    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
    fn event(&self, event: ProtectEvent) {
        self.events.send_modify(|events| events.push(event));
    }
}

impl Bench {
    pub fn new() -> Self {
        Self {
            storage: MemoryStorage::new(),
            identity: Identity::generate(),
            snapshot_interval: Duration::from_millis(250),
            signer: signer(),
            users: false,
        }
    }

    /// One whose first snapshot stays the only one.
    pub fn with_one_snapshot() -> Self {
        Self {
            snapshot_interval: Duration::from_secs(3_600),
            ..Self::new()
        }
    }

    /// The key that checks signatures.
    pub fn public_key(&self) -> &str {
        &self.signer.1
    }

    /// The key that reads the vault, as age wants it.
    pub fn identity(&self) -> String {
        self.identity.to_string().expose_secret().to_owned()
    }

    /// A repository of a new process.
    fn repository(&self) -> VaultRepository {
        let made = VaultRepository::new(
            Arc::new(self.storage.clone()),
            ServiceName::new("orders").expect("name"),
            VaultOptions {
                recipients: vec![self.identity.to_public().to_string()],
                identity: Some(Secret::new(self.identity())),
                flush_bytes: 64 * 1024,
                flush_interval: Duration::from_millis(20),
                snapshot_interval: self.snapshot_interval,
                canary_interval: Duration::from_millis(100),
                signing_key: Some(Secret::new(self.signer.0.clone())),
                trusted_signers: vec![self.signer.1.clone()],
                snapshot: SnapshotOptions {
                    accounts: self.users,
                    ..SnapshotOptions::default()
                },
                ..VaultOptions::default()
            },
            Arc::new(SystemClock::new()),
            Arc::new(SystemRandom),
        );
        made.expect("good options")
    }

    /// Claims the epoch and protects `source`.
    pub async fn protect(&self, source: Arc<dyn Database>) -> Protection {
        let repository = self.repository();
        let site = SiteName::new("seoul").expect("name");
        let claimed = repository.claim_epoch(EPOCH, "test", &site).await;
        claimed.expect("claimed");
        let control = Arc::new(Control {
            stop: AtomicBool::new(false),
            events: watch::Sender::default(),
        });
        let steer = Arc::clone(&control);
        let task = tokio::spawn(async move { repository.protect(source, EPOCH, steer).await });
        Protection { control, task }
    }

    /// Restores from the newest snapshot there is into an empty `target`, and
    /// checks that nothing but the log behind that snapshot was read.
    pub async fn restore(&self, target: &dyn Database) -> RestoreReport {
        let manifest = self.newest_manifest();
        let report = self
            .repository()
            .restore(target, &RestoreOptions::default(), &NoProgress)
            .await;
        let report = report.unwrap_or_else(|error| panic!("{}", error.chain()));
        assert!(report.loaded_snapshot);
        assert_eq!(report.mark.snapshot, manifest.id);
        let behind = self.segments() - (manifest.next_segment.0 - 1);
        assert_eq!(report.segments_applied, behind);
        assert_eq!(report.mark.next_segment, SegmentSeq(self.segments() + 1));
        let applied = target.applied().await.expect("known");
        assert_eq!(applied, Some(report.mark.clone()));
        report
    }

    /// Restores to a place in the engine's own words.
    pub async fn restore_to(&self, target: &dyn Database, place: String) -> RestoreReport {
        let options = RestoreOptions {
            to: RestoreTo::Position(place),
            ..RestoreOptions::default()
        };
        let repository = self.repository();
        let report = repository.restore(target, &options, &NoProgress).await;
        report.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys = self.storage.keys();
        keys.retain(|key| key.starts_with(prefix));
        keys
    }

    fn segments(&self) -> u64 {
        self.keys("orders/log/").len() as u64
    }

    /// Without their signatures.
    fn manifest_keys(&self) -> Vec<String> {
        let mut keys = self.keys("orders/manifest/");
        keys.retain(|key| key.ends_with(".json"));
        keys
    }

    pub fn manifests(&self) -> usize {
        self.manifest_keys().len()
    }

    /// The manifest of the newest snapshot.
    pub fn newest_manifest(&self) -> SnapshotManifest {
        let key = self.manifest_keys().pop().expect("a snapshot");
        let bytes = self.storage.peek(&key).expect("there");
        let json = age::decrypt(&self.identity, &bytes).expect("ours");
        serde_json::from_slice(&json).expect("a manifest")
    }

    /// Writes the vault's objects into a folder.
    pub fn write_to(&self, folder: &std::path::Path) {
        for key in self.storage.keys() {
            let path = folder.join(&key);
            std::fs::create_dir_all(path.parent().expect("in a folder")).expect("made");
            std::fs::write(path, self.storage.peek(&key).expect("there")).expect("written");
        }
    }

    /// Takes the newest manifest away, so that an older snapshot is the newest.
    pub fn lose_newest_manifest(&self) {
        let key = self.manifest_keys().pop().expect("a snapshot");
        self.storage.lose(&key).expect("was there");
    }
}

impl Protection {
    async fn until(&self, what: &str, seen: impl Fn(&[ProtectEvent]) -> bool) {
        let mut events = self.control.events.subscribe();
        let seen = events.wait_for(|events| seen(events));
        let clock = SystemClock::new();
        let ended = tokio::select! {
            seen = seen => seen.is_err(),
            () = clock.sleep(DEADLINE) => true,
        };
        if ended {
            let seen = self.control.events.borrow();
            let last: Vec<_> = seen.iter().rev().take(5).collect();
            panic!(
                "never saw {what}; last {last:?}, ended {}",
                self.task.is_finished()
            );
        }
    }

    /// Waits until log goes by.
    pub async fn canary(&self) {
        let seen = |e: &ProtectEvent| matches!(e, ProtectEvent::CanarySeen { .. });
        self.until("a canary", |events| events.iter().any(seen))
            .await;
    }

    /// Waits for the later snapshots.
    pub async fn snapshots(&self) {
        let wanted = LATER_SNAPSHOTS + 1;
        let done = |events: &[ProtectEvent]| events.iter().filter(|e| is_done(e)).count() >= wanted;
        self.until("the later snapshots", done).await;
    }

    /// Waits until what is committed now is in the vault, and stops. Log went on
    /// under every later snapshot, in segments of so many bytes at most.
    pub async fn finish(self, segment_bytes_max: u64) {
        let control = Arc::clone(&self.control);
        self.stop().await;
        log_went_on(&control.events.borrow(), segment_bytes_max);
    }

    /// Waits until what is committed now is in the vault, and stops.
    pub async fn stop(self) {
        let now = SystemClock::new().now();
        let seen = |events: &[ProtectEvent]| {
            events.iter().any(|event| {
                matches!(event, ProtectEvent::CanarySeen { canary } if canary.written_at > now)
            })
        };
        self.until("a new canary", seen).await;
        self.control.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("no panic").expect("stops well");
    }
}

/// During every later snapshot segments kept arriving, and nothing failed.
fn log_went_on(events: &[ProtectEvent], segment_bytes_max: u64) {
    let mut meanwhile: Vec<usize> = Vec::new();
    let mut current = None;
    for event in events {
        match event {
            ProtectEvent::SnapshotStarted { .. } => current = Some(0),
            ProtectEvent::SnapshotDone { .. } => meanwhile.extend(current.take()),
            ProtectEvent::Shipped { raw_bytes, .. } => {
                assert!(
                    *raw_bytes <= segment_bytes_max,
                    "{raw_bytes} in one segment"
                );
                current = current.map(|n| n + 1);
            }
            ProtectEvent::CanarySeen { .. } => {}
            ProtectEvent::Retrying { error, .. } => panic!("{error}"),
            trouble @ (ProtectEvent::Spooled { .. }
            | ProtectEvent::SpoolFull { .. }
            | ProtectEvent::SpoolDiscarded { .. }
            | ProtectEvent::LogLost { .. }) => panic!("{trouble:?}"),
            ProtectEvent::Pruned { .. } => {}
        }
    }
    let (first, later) = meanwhile.split_first().expect("snapshots");
    assert_eq!(*first, 0, "there is no log before the first");
    assert!(later.len() >= LATER_SNAPSHOTS, "{meanwhile:?}");
    assert!(
        later.iter().all(|n| *n >= SEGMENTS_MEANWHILE),
        "{meanwhile:?}"
    );
}

fn is_done(event: &ProtectEvent) -> bool {
    matches!(event, ProtectEvent::SnapshotDone { .. })
}
