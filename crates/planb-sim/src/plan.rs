//! The plan file of the simulated service, as if it had been parsed.

use planb_model::observation::ProbeKind;
use planb_model::plan::{
    CommandLine, DataPlan, DatabaseAddress, EdgeSettings, FailoverMode, FailoverPlan, Grade,
    HealthPlan, Objectives, Observer, ServicePlan, Site, Strategy, TrafficSettings, VaultAddress,
    Workload,
};
use planb_model::{ServiceName, SiteName};
use std::collections::BTreeMap;
use std::time::Duration;

/// Observers of the simulated service.
pub const OBSERVERS: usize = 5;
/// Observers that must say DOWN before a promotion.
pub const PROMOTE_QUORUM: usize = 4;
/// Failures in a row after which an observer says DOWN.
pub const FAILURES: u32 = 5;

/// The simulated service.
#[expect(clippy::expect_used, reason = "a literal name")]
pub fn service() -> ServiceName {
    ServiceName::new("orders").expect("a name")
}

/// The sites, primary first.
#[expect(clippy::expect_used, reason = "literal names")]
pub fn sites() -> [SiteName; 2] {
    ["seoul", "busan"].map(|name| SiteName::new(name).expect("a name"))
}

/// `http://host:port` of a site's service.
pub fn origin(site: &SiteName) -> String {
    format!("http://{site}:8080")
}

fn site(name: &SiteName) -> Site {
    let start = CommandLine {
        argv: vec!["orders".to_owned()],
        directory: None,
        env: BTreeMap::new(),
        log: None,
        timeout: Duration::from_secs(10),
    };
    Site {
        name: name.clone(),
        database: DatabaseAddress::Sqlite {
            path: format!("/{name}/orders.db").into(),
        },
        workload: Workload::Managed {
            start,
            stop: None,
            stop_grace: Duration::from_secs(5),
        },
        health_url: format!("{}/healthz", origin(name)),
        origin: origin(name),
    }
}

/// The plan of the simulated service.
pub fn plan(strategy: Strategy, mode: FailoverMode) -> ServicePlan {
    let [primary, standby] = sites();
    let observer = |n: usize| Observer {
        name: format!("observer-{n}"),
        probes: vec![ProbeKind::Http],
        canary: Some("tcp://gateway:443".to_owned()),
    };
    ServicePlan {
        name: service(),
        grade: Grade(1),
        objectives: Objectives {
            rto: Duration::from_secs(30),
            rpo: Duration::from_secs(2),
        },
        strategy,
        primary: site(&primary),
        standby: site(&standby),
        data: DataPlan {
            vault: VaultAddress {
                url: "file:///vault".to_owned(),
                options: BTreeMap::new(),
                secret_options: BTreeMap::new(),
                recipients: vec![],
                identity: None,
                signing_key: None,
                trusted_signers: Vec::new(),
            },
            flush_interval: Duration::from_millis(500),
            flush_bytes: 64 * 1024,
            snapshot_interval: Duration::from_secs(60),
            canary_interval: Duration::from_secs(1),
            retention: None,
            users: false,
            verification: None,
            spool_bytes_max: 1 << 30,
        },
        health: HealthPlan {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            failures: FAILURES,
            recoveries: 2,
            observers: (0..OBSERVERS).map(observer).collect(),
            shed_quorum: 3,
            promote_quorum: PROMOTE_QUORUM as u32,
        },
        traffic: TrafficSettings {
            edge: EdgeSettings::Embedded {
                listen: "127.0.0.1:0".to_owned(),
            },
            retry_after: Duration::from_secs(5),
        },
        failover: FailoverPlan { mode },
    }
}
