//! Drills: scratch databases connected, and the verifier of a running service.

use crate::wiring;
use async_trait::async_trait;
use planb_connector_mysql::{Control, HeldServer, PhysicalTarget};
use planb_launch::scratch::{FilesServer, ScratchServer, sweep};
use planb_model::recovery::{RecordKind, SnapshotManifest};
use planb_ports::progress::NoProgress;
use planb_ports::{Clock, Database, Disk, ErrorKind, PortError, PortResult, Verified, Verifier};
use planb_vault::VaultRepository;
use planb_vault::drill::{Drill, Findings, LogSignals, due};
use std::sync::Arc;
use std::time::Duration;

/// A database nobody needs, gone when this is dropped.
pub struct Scratch {
    /// The database.
    pub database: Arc<dyn Database>,
    /// What records call it.
    pub name: String,
    _server: ScratchServer,
}

impl Scratch {
    /// Starts one that can take the snapshot. `account` logs in to a copy of a
    /// whole PostgreSQL server.
    ///
    /// # Errors
    /// `Unsupported` when none can be started on this machine.
    pub async fn start(
        manifest: &SnapshotManifest,
        account: &str,
        clock: Arc<dyn Clock>,
        disk: &dyn Disk,
    ) -> PortResult<Self> {
        let server = ScratchServer::start(manifest, account)
            .await
            .map_err(no_server)?;
        let programs = match server.files() {
            Some(files) => programs_of(files)?,
            None => wiring::Programs::default(),
        };
        let address = server.address();
        Ok(Self {
            database: wiring::connect_with_files(address, programs, clock, disk).await?,
            name: format!("scratch {}", manifest.engine),
            _server: server,
        })
    }
}

fn programs_of(files: &Arc<FilesServer>) -> PortResult<wiring::Programs> {
    Ok(wiring::Programs {
        bin_dir: files.bin_dir().map_err(no_server)?,
        target: Some(PhysicalTarget {
            data_dir: files.data_dir(),
            control: Control::Held(Arc::new(OnFiles(Arc::clone(files)))),
        }),
    })
}

/// A scratch server on the files of a snapshot, as its connector sees it.
#[derive(Debug)]
struct OnFiles(Arc<FilesServer>);

#[async_trait]
impl HeldServer for OnFiles {
    async fn stop(&self) -> PortResult<()> {
        self.0.end();
        Ok(())
    }

    async fn start(&self) -> PortResult<()> {
        self.0.start().await.map_err(no_server)
    }
}

fn no_server(error: impl std::fmt::Display) -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-VERIFY-NO-SCRATCH",
        format!("no scratch server could be started: {error}"),
    )
    .hint(
        "install the database server on this machine, or give an empty one: --drill URL",
        "이 컴퓨터에 데이터베이스 서버를 설치하거나 빈 서버를 지정하세요: --drill URL",
    )
}

/// Drills the snapshots of one service in scratch databases of this machine.
pub(crate) struct ScratchVerifier {
    pub(crate) repository: Arc<VaultRepository>,
    /// Who logs in to a copy of a whole PostgreSQL server.
    pub(crate) account: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
}

#[async_trait]
impl Verifier for ScratchVerifier {
    async fn verify_next(&self, interval: Duration) -> PortResult<Option<Verified>> {
        let points = self.repository.points().await?;
        let Some(point) = due(&points, interval, self.clock.now()) else {
            return Ok(None);
        };
        sweep();
        let manifest = self.repository.manifest(&point.id).await?;
        let (clock, disk) = (Arc::clone(&self.clock), self.disk.as_ref());
        let scratch = Scratch::start(&manifest, &self.account, clock, disk).await?;
        let drill = Drill {
            repository: &self.repository,
            clock: self.clock.as_ref(),
            point,
            points: &points,
            progress: &NoProgress,
        };
        let database = Arc::clone(&scratch.database);
        let found = Box::pin(drill.run(database, &scratch.name)).await?;
        Ok(Some(verified(&point.id, self.clock.now(), found)))
    }

    async fn last(&self) -> PortResult<Option<Verified>> {
        let mut records = self.repository.records(RecordKind::Verification).await?;
        let Some(record) = records.pop() else {
            return Ok(None);
        };
        let Ok(found) = serde_json::from_value::<Findings>(record.body) else {
            return Ok(None); // Of a newer program, which says other things.
        };
        let signals = self.repository.records(RecordKind::Signals).await?;
        let mut of_it = signals.iter().rev();
        let judged = of_it.find(|signals| signals.snapshot == record.snapshot);
        let mut verified = verified(&record.snapshot, record.written_at, found);
        if let Some(signals) = judged {
            verified.clean = signals.passed;
            let log: Option<LogSignals> = serde_json::from_value(signals.body.clone()).ok();
            verified.suspicions = log.map(|log| log.suspicions).unwrap_or_default();
        }
        Ok(Some(verified))
    }
}

fn verified(snapshot: &str, at: jiff::Timestamp, found: Findings) -> Verified {
    Verified {
        snapshot: snapshot.to_owned(),
        at,
        passed: found.passed,
        clean: found.clean,
        suspicions: found.log.suspicions,
        log_to: found.log_applied_to.map(|position| position.at),
        seconds: found.seconds,
        problems: found.problems,
    }
}
