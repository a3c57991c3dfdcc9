//! A world of fakes around one service, and lives of a control plane in it.
#![allow(dead_code, reason = "every test file uses its own part of it")]

use planb_engine::{
    Approval, CrashPoint, CrashPoints, NoCrash, ObserverPorts, Service, ServicePorts, SitePorts,
};
use planb_model::execution::{ExecutionState, Trigger};
use planb_model::observation::ProbeKind;
use planb_model::plan::{
    CommandLine, DataPlan, DatabaseAddress, EdgeSettings, FailoverMode, FailoverPlan, Grade,
    HealthPlan, Objectives, ServicePlan, Site, Strategy, TrafficSettings, VaultAddress, Workload,
};
use planb_model::runbook::RunbookKind;
use planb_model::service::ServiceRecord;
use planb_model::status::ExecutionStatus;
use planb_model::{ExecutionId, ServiceName, SiteName, StepId};
use planb_ports::{Clock, Verifier};
use planb_testkit::{
    FakeDatabase, FakeRepository, FakeTraffic, FakeWorkload, Incarnation, Link, LinkProbe,
    MemoryStore, OutsideProbe, RepositorySettings, SeededRandom, SimClock, SiteProbe,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest virtual wait of any test.
pub const PATIENCE: Duration = Duration::from_secs(600);

pub fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

pub fn step(name: &str) -> StepId {
    StepId::new(name).expect("a name")
}

/// One site's fakes, and the links the control plane reaches them by.
#[derive(Clone)]
pub struct FakeSite {
    pub name: SiteName,
    pub database: FakeDatabase,
    pub workload: FakeWorkload,
    pub database_link: Link,
    pub workload_link: Link,
}

impl FakeSite {
    fn new(name: &str, clock: &SimClock) -> Self {
        let database = FakeDatabase::new(name, clock.clone());
        Self {
            name: site(name),
            workload: FakeWorkload::new(&database),
            database,
            database_link: Link::direct(),
            workload_link: Link::direct(),
        }
    }

    /// The site is gone: nothing runs, nothing answers.
    pub fn die(&self) {
        self.workload.set_powered(false);
        self.database.kill();
    }

    /// The site is back as it was on disk, and somebody starts its service.
    pub fn return_as_it_was(&self) {
        self.database.revive();
        self.workload.set_powered(true);
    }
}

/// Everything that outlives a control plane.
#[derive(Clone)]
pub struct World {
    pub clock: SimClock,
    pub plan: ServicePlan,
    pub store: MemoryStore,
    pub store_link: Link,
    pub repository: FakeRepository,
    pub repository_link: Link,
    pub edge: FakeTraffic,
    pub edge_link: Link,
    pub seoul: FakeSite,
    pub busan: FakeSite,
    pub observers: u32,
    pub verifier: Option<Arc<dyn Verifier>>,
}

/// One life of a control plane.
pub struct Life {
    pub service: Arc<Service>,
    pub incarnation: Incarnation,
    pub stop: CancellationToken,
    task: JoinHandle<Result<(), planb_engine::EngineError>>,
}

impl World {
    pub fn new() -> Self {
        let clock = SimClock::at_new_year();
        let service = ServiceName::new("orders").expect("a name");
        let settings = RepositorySettings {
            flush_interval: Duration::from_millis(200),
            canary_interval: Duration::from_millis(250),
            ..RepositorySettings::default()
        };
        Self {
            plan: plan(),
            store: MemoryStore::new(),
            store_link: Link::direct(),
            repository: FakeRepository::new(service, settings, clock.clone()),
            repository_link: Link::direct(),
            edge: FakeTraffic::new(),
            edge_link: Link::direct(),
            seoul: FakeSite::new("seoul", &clock),
            busan: FakeSite::new("busan", &clock),
            clock,
            observers: 0,
            verifier: None,
        }
    }

    pub fn service_name(&self) -> ServiceName {
        self.plan.name.clone()
    }

    pub fn ports(&self, life: &Incarnation, crash: Arc<dyn CrashPoints>) -> ServicePorts {
        let clock = self.clock.of(life);
        let connect = |s: &FakeSite| {
            let database = s.database.through(s.database_link.of(life));
            let health = SiteProbe {
                site: s.name.clone(),
                kind: ProbeKind::Http,
                workload: s.workload.clone(),
                database: s.database.clone(),
                link: Link::direct().of(life),
            };
            let ports = SitePorts {
                name: s.name.clone(),
                database: Arc::new(database),
                workload: Arc::new(s.workload.through(s.workload_link.of(life))),
                health: Arc::new(health),
                origin: format!("http://{}", s.name),
            };
            (s.name.clone(), ports)
        };
        let sites = [&self.seoul, &self.busan];
        let outside = OutsideProbe {
            service: self.service_name(),
            edge: self.edge.clone(),
            sites: sites
                .map(|s| (s.name.clone(), s.workload.clone(), Link::direct()))
                .into(),
            link: Link::direct().of(life),
        };
        ServicePorts {
            plan: Arc::new(self.plan.clone()),
            sites: sites.map(connect).into(),
            repository: Arc::new(
                self.repository
                    .through(self.repository_link.of(life), clock.clone()),
            ),
            verifier: self.verifier.clone(),
            traffic: Arc::new(self.edge.through(self.edge_link.of(life))),
            outside: Arc::new(outside),
            store: Arc::new(self.store.through(self.store_link.of(life))),
            clock: Arc::new(clock),
            random: Arc::new(SeededRandom::new(7)),
            observers: (0..self.observers)
                .map(|n| self.observer(n, life))
                .collect(),
            crash,
        }
    }

    fn observer(&self, number: u32, life: &Incarnation) -> ObserverPorts {
        let probe = |s: &FakeSite| {
            let probe = SiteProbe {
                site: s.name.clone(),
                kind: ProbeKind::Http,
                workload: s.workload.clone(),
                database: s.database.clone(),
                link: Link::direct().of(life),
            };
            let probe: Arc<dyn planb_ports::Probe> = Arc::new(probe);
            (s.name.clone(), ProbeKind::Http, probe)
        };
        ObserverPorts {
            name: format!("o{number}"),
            probes: [&self.seoul, &self.busan].map(probe).into(),
            canary: Some(Arc::new(LinkProbe(Link::direct().of(life)))),
        }
    }

    pub fn live(&self) -> Life {
        self.live_with(|_| Arc::new(NoCrash))
    }

    pub fn live_with(&self, crash: impl FnOnce(&Incarnation) -> Arc<dyn CrashPoints>) -> Life {
        let incarnation = Incarnation::new();
        let service = Service::new(self.ports(&incarnation, crash(&incarnation)));
        let stop = CancellationToken::new();
        let task = tokio::spawn(service.clone().run(stop.clone()));
        Life {
            service,
            incarnation,
            stop,
            task,
        }
    }

    pub fn record(&self) -> ServiceRecord {
        self.store.peek(&self.service_name()).expect("registered")
    }

    /// Seoul serves, is protected, and has rows that are all in the vault.
    pub async fn protected(rows: u32) -> World {
        let world = World::new();
        world.protect(rows).await;
        world
    }

    pub async fn protect(&self, rows: u32) {
        let life = self.live();
        self.until("seoul runs", || self.seoul.workload.running().is_some())
            .await;
        for row in 0..rows {
            let written = self.seoul.workload.write(&format!("row-{row}"), "1");
            written.expect("seoul takes writes");
        }
        self.until("every row is in the vault", || {
            self.repository.recoverable_keys().len() == rows as usize
        })
        .await;
        life.end().await;
    }

    /// Waits for a condition, in virtual time.
    pub async fn until(&self, what: &str, is: impl Fn() -> bool) {
        let patience = self.clock.monotonic() + PATIENCE;
        while !is() {
            assert!(self.clock.monotonic() < patience, "never: {what}");
            self.clock.sleep(Duration::from_millis(10)).await;
        }
    }

    /// What `work` gives, which must not take longer than anybody waits.
    pub async fn soon<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            () = self.clock.sleep(PATIENCE) => panic!("never: {what}"),
        }
    }

    /// The only execution there is.
    pub fn execution(&self) -> ExecutionId {
        let all = self.store.peek_executions();
        assert_eq!(all.len(), 1, "one execution");
        all[0].0.id.clone()
    }

    pub fn journal_len(&self) -> u64 {
        let all = self.store.peek_executions();
        all.iter().map(|(_, journal)| journal.len() as u64).sum()
    }

    pub async fn finished(&self, life: &Life, id: &ExecutionId) -> ExecutionStatus {
        let status = self.soon("the execution ends", life.service.wait(id)).await;
        status.expect("the store answers")
    }

    /// Runs an approved execution to its end.
    pub async fn run(&self, life: &Life, kind: RunbookKind) -> ExecutionStatus {
        let id = life.start(kind).await;
        self.finished(life, &id).await
    }

    pub fn edge_site(&self) -> Option<SiteName> {
        let plan = self.edge.serving(&self.service_name())?;
        match plan.mode {
            planb_model::traffic::TrafficMode::Serve { origins } => {
                origins.first().map(|o| o.site.clone())
            }
            planb_model::traffic::TrafficMode::Maintenance => None,
        }
    }
}

impl Life {
    pub async fn start(&self, kind: RunbookKind) -> ExecutionId {
        start(&self.service, kind).await
    }

    /// Ends in good order.
    pub async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("no panic").expect("a good end");
    }

    /// Is gone without another word.
    pub fn kill(self) {
        self.incarnation.crash();
        self.task.abort();
    }
}

pub fn operator() -> Trigger {
    Trigger::Operator {
        who: "kim".to_owned(),
    }
}

pub async fn start(service: &Service, kind: RunbookKind) -> ExecutionId {
    let runbook = service.plan(kind, None).await.expect("can be planned");
    let approval = Approval {
        by: "kim".to_owned(),
        hash: runbook.hash(),
    };
    let started = service.start(kind, operator(), Some(approval), None).await;
    started.expect("starts")
}

/// Ends a life at one place of a journal.
pub struct CrashAt {
    pub point: CrashPoint,
    pub life: Incarnation,
}

impl CrashPoints for CrashAt {
    fn reached(&self, point: CrashPoint) {
        if point == self.point {
            self.life.crash();
        }
    }
}

pub fn assert_completed(status: &ExecutionStatus) {
    assert_eq!(
        status.state,
        ExecutionState::Completed,
        "{:#?}",
        status.steps
    );
}

fn plan_site(name: &str) -> Site {
    Site {
        name: site(name),
        database: DatabaseAddress::Sqlite {
            path: format!("/{name}/orders.db").into(),
        },
        workload: Workload::Managed {
            start: CommandLine {
                argv: vec!["orders".to_owned()],
                directory: None,
                env: BTreeMap::new(),
                log: None,
                timeout: Duration::from_secs(30),
            },
            stop: None,
            stop_grace: Duration::from_secs(5),
        },
        health_url: format!("http://{name}/healthz"),
        origin: format!("http://{name}"),
    }
}

fn plan() -> ServicePlan {
    ServicePlan {
        name: ServiceName::new("orders").expect("a name"),
        grade: Grade(1),
        objectives: Objectives {
            rto: Duration::from_secs(10),
            rpo: Duration::from_secs(1),
        },
        strategy: Strategy::PilotLight,
        primary: plan_site("seoul"),
        standby: plan_site("busan"),
        data: DataPlan {
            vault: VaultAddress {
                url: "memory:".to_owned(),
                options: BTreeMap::new(),
                secret_options: BTreeMap::new(),
                recipients: Vec::new(),
                identity: None,
                signing_key: None,
                trusted_signers: Vec::new(),
            },
            flush_interval: Duration::from_millis(200),
            flush_bytes: 1 << 20,
            snapshot_interval: Duration::from_secs(60),
            canary_interval: Duration::from_millis(250),
            retention: None,
            users: false,
            verification: None,
            spool_bytes_max: 1 << 30,
        },
        health: HealthPlan {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            failures: 5,
            recoveries: 2,
            observers: Vec::new(),
            shed_quorum: 3,
            promote_quorum: 4,
        },
        traffic: TrafficSettings {
            edge: EdgeSettings::Embedded {
                listen: "127.0.0.1:0".to_owned(),
            },
            retry_after: Duration::from_secs(5),
        },
        failover: FailoverPlan {
            mode: FailoverMode::Automatic,
        },
    }
}
