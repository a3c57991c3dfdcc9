//! Two sites, a vault, an edge, a store, and every way between them.

use crate::dice::Dice;
use crate::plan::{self, OBSERVERS, origin, service, sites};
use crate::run::Broken;
use crate::scenario::{Scenario, Target};
use planb_engine::{NoCrash, ObserverPorts, ServicePorts, SitePorts};
use planb_model::SiteName;
use planb_model::observation::ProbeKind;
use planb_model::plan::ServicePlan;
use planb_ports::{Probe, Workload};
use planb_testkit::{
    FakeDatabase, FakeRepository, FakeTraffic, FakeWorkload, Incarnation, Link, LinkProbe,
    MemoryStore, OutsideProbe, RepositorySettings, SeededRandom, SimClock, SiteProbe, Trace,
    Weather,
};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One site and the ways to it.
pub struct SimSite {
    /// Its name.
    pub name: SiteName,
    /// Its database.
    pub database: FakeDatabase,
    /// Its workload.
    pub workload: FakeWorkload,
    /// From the control plane to its database.
    pub to_database: Link,
    /// From the control plane to its workload and its power switch.
    pub to_workload: Link,
    /// From the control plane to its health URL.
    pub to_health: Link,
    /// From the edge to its origin.
    pub from_edge: Link,
    /// From each observer.
    pub from_observers: Vec<Link>,
}

impl SimSite {
    /// Whether a client's request that the edge sends here is answered well.
    pub fn is_well_for_clients(&self) -> bool {
        self.from_edge.is_up() && self.workload.is_well()
    }

    /// Whether a client's write that comes here would be taken.
    pub fn takes_writes(&self) -> bool {
        self.workload.running().is_some() && self.database.accepts_writes()
    }
}

/// The world of one run.
pub struct World {
    /// True time, with the control plane's skew.
    pub clock: SimClock,
    /// What happened.
    pub trace: Trace,
    /// The plan.
    pub plan: Arc<ServicePlan>,
    /// The sites, primary first.
    pub sites: [SimSite; 2],
    /// The edge.
    pub edge: FakeTraffic,
    /// The control plane's state.
    pub store: MemoryStore,
    /// The vault.
    pub repository: FakeRepository,
    /// From the control plane to the store.
    pub to_store: Link,
    /// From the control plane to the vault.
    pub to_vault: Link,
    /// From the control plane to the edge.
    pub to_edge: Link,
    /// From the outside probe to the edge.
    pub to_outside: Link,
    /// Each observer's own uplink.
    pub uplinks: Vec<Link>,
    /// Whether the faults are over: those that were still on have been mended.
    pub mended: Cell<bool>,
    seed: u64,
}

impl World {
    /// The world of `scenario`, in peace: the service runs at the primary site.
    pub fn new(scenario: &Scenario, trace: Trace, broken: Option<Broken>) -> Self {
        let clock = SimClock::at_new_year();
        let mut links = Links::new(scenario.seed, &trace);
        let make = |name: SiteName, links: &mut Links| site(name, &clock, links);
        let [primary, standby] = sites();
        let settings = RepositorySettings::default();
        let world = Self {
            plan: Arc::new(plan::plan(scenario.strategy, scenario.mode)),
            sites: [make(primary, &mut links), make(standby, &mut links)],
            edge: FakeTraffic::new(),
            store: MemoryStore::new(),
            repository: FakeRepository::new(service(), settings, clock.clone()),
            to_store: links.make("control>store"),
            to_vault: links.make("control>vault"),
            to_edge: links.make("control>edge"),
            to_outside: links.make("outside>edge"),
            uplinks: (0..OBSERVERS)
                .map(|n| links.make(&format!("observer-{n}>gateway")))
                .collect(),
            clock,
            trace,
            mended: Cell::new(false),
            seed: scenario.seed,
        };
        world.remove_checks(broken);
        world
    }

    fn remove_checks(&self, broken: Option<Broken>) {
        match broken {
            None => {}
            Some(Broken::Database) => {
                for site in &self.sites {
                    site.database.remove_epoch_check();
                }
            }
            Some(Broken::Edge) => self.edge.remove_epoch_check(),
            Some(Broken::Vault) => self.repository.remove_epoch_check(),
            Some(Broken::Spool) => self.repository.forget_spool(),
            Some(Broken::Workload) => {
                for site in &self.sites {
                    site.workload.remove_epoch_check();
                }
            }
        }
    }

    /// The site called `name`.
    pub fn site(&self, name: &SiteName) -> &SimSite {
        if self.sites[0].name == *name {
            &self.sites[0]
        } else {
            &self.sites[1]
        }
    }

    /// The site that the record says takes writes.
    pub fn active(&self) -> &SimSite {
        match self.store.peek(&service()) {
            Some(record) => self.site(&record.active),
            None => &self.sites[0],
        }
    }

    /// The site an event means now.
    pub fn target(&self, target: Target) -> &SimSite {
        let active = self.active();
        let is_other = |s: &&SimSite| s.name != active.name;
        match target {
            Target::Active => active,
            Target::Standby => self.sites.iter().find(is_other).unwrap_or(active),
        }
    }

    /// The edge as clients see it.
    pub fn outside(&self) -> OutsideProbe {
        let site = |s: &SimSite| (s.name.clone(), s.workload.clone(), s.from_edge.clone());
        OutsideProbe {
            service: service(),
            edge: self.edge.clone(),
            sites: self.sites.iter().map(site).collect(),
            link: self.to_outside.clone(),
        }
    }

    /// Every link, for weather and for mending.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        let shared = [
            &self.to_store,
            &self.to_vault,
            &self.to_edge,
            &self.to_outside,
        ];
        let sites = self.sites.iter().flat_map(|s| {
            [&s.to_database, &s.to_workload, &s.to_health, &s.from_edge]
                .into_iter()
                .chain(&s.from_observers)
        });
        shared.into_iter().chain(&self.uplinks).chain(sites)
    }

    /// Sets the weather everywhere; the store is near, so that only delays hit it hard.
    pub fn set_weather(&self, weather: Weather) {
        for link in self.links() {
            link.set_weather(weather);
        }
    }

    /// What one life of the control plane's process is given.
    pub fn ports(&self, life: &Incarnation, life_no: u64) -> ServicePorts {
        let clock = self.clock.of(life);
        let random =
            SeededRandom::new(Dice::new(self.seed, 1000 + life_no).between(0, u64::MAX - 1));
        let sites = self
            .sites
            .iter()
            .map(|s| (s.name.clone(), site_ports(s, life)));
        let outside = OutsideProbe {
            link: self.to_outside.of(life),
            ..self.outside()
        };
        ServicePorts {
            plan: self.plan.clone(),
            sites: sites.collect::<BTreeMap<_, _>>(),
            repository: Arc::new(
                self.repository
                    .through(self.to_vault.of(life), clock.clone()),
            ),
            verifier: None,
            traffic: Arc::new(self.edge.through(self.to_edge.of(life))),
            outside: Arc::new(outside),
            store: Arc::new(self.store.through(self.to_store.of(life))),
            clock: Arc::new(clock),
            random: Arc::new(random),
            observers: (0..OBSERVERS).map(|n| self.observer(n, life)).collect(),
            crash: Arc::new(NoCrash),
        }
    }

    fn observer(&self, n: usize, life: &Incarnation) -> ObserverPorts {
        let probe = |s: &SimSite| {
            let probe: Arc<dyn Probe> = Arc::new(site_probe(s, s.from_observers[n].of(life)));
            (s.name.clone(), ProbeKind::Http, probe)
        };
        ObserverPorts {
            name: format!("observer-{n}"),
            probes: self.sites.iter().map(probe).collect(),
            canary: Some(Arc::new(LinkProbe(self.uplinks[n].of(life)))),
        }
    }
}

/// Makes links, each with numbers of its own.
struct Links {
    trace: Trace,
    dice: Dice,
}

impl Links {
    fn new(seed: u64, trace: &Trace) -> Self {
        Self {
            trace: trace.clone(),
            dice: Dice::new(seed, 2),
        }
    }

    fn make(&mut self, name: &str) -> Link {
        let seed = self.dice.between(0, u64::MAX - 1);
        Link::new(name, seed, Some(self.trace.clone()))
    }
}

fn site(name: SiteName, clock: &SimClock, links: &mut Links) -> SimSite {
    let database = FakeDatabase::new(name.as_str(), clock.another());
    let mut link = |from: &str, to: &str| links.make(&format!("{from}>{name}{to}"));
    SimSite {
        workload: FakeWorkload::new(&database),
        database,
        to_database: link("control", ".database"),
        to_workload: link("control", ".workload"),
        to_health: link("control", ".health"),
        from_edge: link("edge", ""),
        from_observers: (0..OBSERVERS)
            .map(|n| link(&format!("observer-{n}"), ""))
            .collect(),
        name,
    }
}

fn site_probe(site: &SimSite, link: Link) -> SiteProbe {
    SiteProbe {
        site: site.name.clone(),
        kind: ProbeKind::Http,
        workload: site.workload.clone(),
        database: site.database.clone(),
        link,
    }
}

fn site_ports(site: &SimSite, life: &Incarnation) -> SitePorts {
    let workload: Arc<dyn Workload> = Arc::new(site.workload.through(site.to_workload.of(life)));
    SitePorts {
        name: site.name.clone(),
        database: Arc::new(site.database.through(site.to_database.of(life))),
        workload,
        health: Arc::new(site_probe(site, site.to_health.of(life))),
        origin: origin(&site.name),
    }
}
