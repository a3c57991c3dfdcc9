//! What the engine needs of the world for one service.

use crate::crash::CrashPoints;
use planb_model::observation::ProbeKind;
use planb_model::plan::ServicePlan;
use planb_model::{ServiceName, SiteName};
use planb_ports::{Clock, Database, Probe, Random, Repository, Store, Traffic, Verifier, Workload};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One site, connected.
#[derive(Clone)]
pub struct SitePorts {
    /// Its name.
    pub name: SiteName,
    /// Its database.
    pub database: Arc<dyn Database>,
    /// What serves requests there.
    pub workload: Arc<dyn Workload>,
    /// Its health URL.
    pub health: Arc<dyn Probe>,
    /// `http://host:port` the edge sends requests to.
    pub origin: String,
}

/// One vantage point, connected. It has a probe for either site, because the
/// active site is the one that is watched and any can be active.
#[derive(Clone)]
pub struct ObserverPorts {
    /// Its name, unique.
    pub name: String,
    /// How it looks at the sites.
    pub probes: Vec<(SiteName, ProbeKind, Arc<dyn Probe>)>,
    /// Something known to be well; when it fails, so has the observer's uplink.
    /// `None`: the vault is asked.
    pub canary: Option<Arc<dyn Probe>>,
}

/// One service, connected.
#[derive(Clone)]
pub struct ServicePorts {
    /// What is asked of it.
    pub plan: Arc<ServicePlan>,
    /// Its sites, by name; those of the plan.
    pub sites: BTreeMap<SiteName, SitePorts>,
    /// Its vault.
    pub repository: Arc<dyn Repository>,
    /// Drills what is in the vault; `None` when the plan says that nobody does.
    pub verifier: Option<Arc<dyn Verifier>>,
    /// Its edge.
    pub traffic: Arc<dyn Traffic>,
    /// Looks at the service from outside, through the edge.
    pub outside: Arc<dyn Probe>,
    /// Epochs and journals.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Jitter and names.
    pub random: Arc<dyn Random>,
    /// Vantage points.
    pub observers: Vec<ObserverPorts>,
    /// Where tests may end the process; [`crate::NoCrash`] otherwise.
    pub crash: Arc<dyn CrashPoints>,
}

impl ServicePorts {
    /// The service's name.
    pub fn service(&self) -> &ServiceName {
        &self.plan.name
    }
}
