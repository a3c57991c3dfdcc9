//! Connects one service: every port of its plan to the connector that fits.
//!
//! A new connector is registered here, by one arm of a `match`.

mod crash;

use crate::drills::ScratchVerifier;
use crate::secrets;
use planb_connector_mysql::{MysqlConfig, MysqlDatabase, PhysicalTarget};
use planb_connector_object_store::{ObjectStoreVault, VaultConfig};
use planb_connector_postgres::{Method, PostgresConfig, PostgresDatabase, PostgresTarget};
use planb_connector_probe::{HttpProbe, SqlProbe, TcpProbe, from_url};
use planb_connector_process::{ManagedWorkload, ObservedWorkload};
use planb_connector_sqlite::SqliteDatabase;
use planb_engine::{CrashPoints, ObserverPorts, ServicePorts, SitePorts};
use planb_model::ServiceName;
use planb_model::observation::ProbeKind;
use planb_model::plan::{
    DatabaseAddress, EdgeSettings, Observer, PostgresqlSettings, ServicePlan, Site, VaultAddress,
    Workload,
};
use planb_ports::{
    Clock, Database, Disk, PortResult, Probe, Random, SnapshotOptions, Store, Traffic,
    VaultStorage, Verifier,
};
use planb_vault::{VaultOptions, VaultRepository};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for a connection to a database, in milliseconds.
const DATABASE_CONNECT_TIMEOUT_MS: u64 = 3_000;
/// zstd level of everything in the vault: the fastest one, because log is
/// written every second and snapshots run beside the service.
const ZSTD_LEVEL: i32 = 1;

/// What all services of a process share.
#[derive(Clone)]
pub struct Shared {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Jitter and names.
    pub random: Arc<dyn Random>,
    /// Small files.
    pub disk: Arc<dyn Disk>,
    /// Epochs and journals.
    pub store: Arc<dyn Store>,
    /// Where tests may end the process.
    pub crash: Arc<dyn CrashPoints>,
    /// The state directory.
    pub state: PathBuf,
}

/// Connects everything `plan` names. `traffic` is its edge.
pub async fn connect(
    plan: &ServicePlan,
    shared: &Shared,
    traffic: Arc<dyn Traffic>,
) -> PortResult<ServicePorts> {
    let mut sites = BTreeMap::new();
    for site in plan.sites() {
        sites.insert(site.name.clone(), connect_site(plan, site, shared).await?);
    }
    let observers = plan
        .health
        .observers
        .iter()
        .map(|observer| connect_observer(plan, observer, &sites))
        .collect::<PortResult<_>>()?;
    let repository = Arc::new(connect_vault(plan, shared).await?);
    Ok(ServicePorts {
        verifier: verifier(plan, shared, &repository),
        repository,
        outside: outside(plan)?,
        plan: Arc::new(plan.clone()),
        sites,
        traffic,
        store: Arc::clone(&shared.store),
        clock: Arc::clone(&shared.clock),
        random: Arc::clone(&shared.random),
        observers,
        crash: Arc::clone(&shared.crash),
    })
}

async fn connect_site(plan: &ServicePlan, site: &Site, shared: &Shared) -> PortResult<SitePorts> {
    let run_dir = shared.state.join("workloads");
    let workload: Arc<dyn planb_ports::Workload> = match &site.workload {
        Workload::Managed { .. } => Arc::new(ManagedWorkload::new(&plan.name, site, &run_dir)?),
        Workload::Observed { .. } => Arc::new(ObservedWorkload::new(&plan.name, site, &run_dir)?),
    };
    Ok(SitePorts {
        name: site.name.clone(),
        database: connect_database(
            &site.database,
            Arc::clone(&shared.clock),
            shared.disk.as_ref(),
        )
        .await?,
        workload,
        health: Arc::new(HttpProbe::new(&site.health_url, plan.health.timeout)?),
        origin: site.origin.clone(),
    })
}

/// Connects a database. Nothing is sent to it yet.
pub async fn connect_database(
    address: &DatabaseAddress,
    clock: Arc<dyn Clock>,
    disk: &dyn Disk,
) -> PortResult<Arc<dyn Database>> {
    match address {
        DatabaseAddress::Sqlite { path } => Ok(Arc::new(SqliteDatabase::new(path, clock))),
        DatabaseAddress::Server {
            engine,
            host,
            port,
            user,
            password,
            databases,
            tls_ca,
            postgresql,
            files,
        } => {
            let password = match password {
                Some(reference) => Some(secrets::resolve(reference, disk).await?),
                None => None,
            };
            if let Some(settings) = postgresql {
                let config = PostgresConfig {
                    password,
                    databases: databases.clone(),
                    tls_ca: tls_ca.clone(),
                    connect_timeout: Duration::from_millis(DATABASE_CONNECT_TIMEOUT_MS),
                    ..postgres(host, *port, user, settings)
                };
                return Ok(Arc::new(PostgresDatabase::connect_lazy(config, clock)));
            }
            let config = MysqlConfig {
                engine: *engine,
                host: host.clone(),
                port: *port,
                user: user.clone(),
                password,
                databases: databases.clone(),
                tls_ca: tls_ca.clone(),
                connect_timeout: Duration::from_millis(DATABASE_CONNECT_TIMEOUT_MS),
                replica_id: None,
                bin_dir: None,
                physical: files.as_ref().map(|files| PhysicalTarget {
                    data_dir: files.data_dir.clone(),
                    stop: files.stop.clone(),
                    start: files.start.clone(),
                }),
            };
            Ok(Arc::new(MysqlDatabase::connect_lazy(config, clock)))
        }
    }
}

/// What only PostgreSQL has.
fn postgres(host: &str, port: u16, user: &str, settings: &PostgresqlSettings) -> PostgresConfig {
    let base = PostgresConfig::new(host, port, user);
    PostgresConfig {
        method: match settings.logical {
            true => Method::Logical,
            false => Method::Physical,
        },
        slot: settings.slot.clone().unwrap_or(base.slot),
        target: settings
            .data_dir
            .clone()
            .map(|data_dir| PostgresTarget { data_dir }),
        bin_dir: settings.bin_dir.clone(),
        ..base
    }
}

/// Opens the storage behind a vault.
pub async fn connect_storage(
    vault: &VaultAddress,
    disk: &dyn Disk,
) -> PortResult<Arc<dyn VaultStorage>> {
    let mut secret_options = BTreeMap::new();
    for (name, reference) in &vault.secret_options {
        secret_options.insert(name.clone(), secrets::resolve(reference, disk).await?);
    }
    let config = VaultConfig {
        url: vault.url.clone(),
        options: vault.options.clone(),
        secret_options,
    };
    Ok(crash::watched(Arc::new(ObjectStoreVault::open(&config)?)))
}

fn verifier(
    plan: &ServicePlan,
    shared: &Shared,
    repository: &Arc<VaultRepository>,
) -> Option<Arc<dyn Verifier>> {
    plan.data.verification?;
    let account = match &plan.primary.database {
        DatabaseAddress::Server { user, .. } => user.clone(),
        DatabaseAddress::Sqlite { .. } => String::new(),
    };
    Some(Arc::new(ScratchVerifier {
        repository: Arc::clone(repository),
        account,
        clock: Arc::clone(&shared.clock),
        disk: Arc::clone(&shared.disk),
    }))
}

async fn connect_vault(plan: &ServicePlan, shared: &Shared) -> PortResult<VaultRepository> {
    let data = &plan.data;
    let options = VaultOptions {
        flush_bytes: data.flush_bytes,
        flush_interval: data.flush_interval,
        snapshot_interval: data.snapshot_interval,
        canary_interval: data.canary_interval,
        retention: data.retention,
        snapshot: SnapshotOptions {
            accounts: data.users,
            ..SnapshotOptions::default()
        },
        ..VaultOptions::default()
    };
    let parts = VaultParts {
        clock: Arc::clone(&shared.clock),
        random: Arc::clone(&shared.random),
        disk: Arc::clone(&shared.disk),
    };
    open_vault(&data.vault, plan.name.clone(), options, parts).await
}

/// What a vault needs of this machine.
pub struct VaultParts {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Names and jitter.
    pub random: Arc<dyn Random>,
    /// Where secrets are read from.
    pub disk: Arc<dyn Disk>,
}

/// Opens the folder of `service` in a vault. The keys in `options` are taken
/// from the address.
pub async fn open_vault(
    vault: &VaultAddress,
    service: ServiceName,
    options: VaultOptions,
    parts: VaultParts,
) -> PortResult<VaultRepository> {
    let storage = connect_storage(vault, parts.disk.as_ref()).await?;
    let identity = match &vault.identity {
        Some(reference) => Some(secrets::resolve(reference, parts.disk.as_ref()).await?),
        None => None,
    };
    let options = VaultOptions {
        recipients: vault.recipients.clone(),
        identity,
        zstd_level: ZSTD_LEVEL,
        ..options
    };
    VaultRepository::new(storage, service, options, parts.clock, parts.random)
}

fn connect_observer(
    plan: &ServicePlan,
    observer: &Observer,
    sites: &BTreeMap<planb_model::SiteName, SitePorts>,
) -> PortResult<ObserverPorts> {
    let timeout = plan.health.timeout;
    let mut probes = Vec::new();
    for site in plan.sites() {
        let Some(connected) = sites.get(&site.name) else {
            continue;
        };
        for kind in &observer.probes {
            let probe: Arc<dyn Probe> = match kind {
                ProbeKind::Http => Arc::new(HttpProbe::new(&site.health_url, timeout)?),
                ProbeKind::Tcp => Arc::new(TcpProbe::new(&site.origin, timeout)?),
                ProbeKind::Sql => Arc::new(SqlProbe::new(
                    Arc::clone(&connected.database),
                    site.name.as_str(),
                    timeout,
                )),
            };
            probes.push((site.name.clone(), *kind, probe));
        }
    }
    let canary = match &observer.canary {
        Some(url) => Some(from_url(url, timeout)?),
        None => None,
    };
    Ok(ObserverPorts {
        name: observer.name.clone(),
        probes,
        canary,
    })
}

/// Looks at the service as its users do.
fn outside(plan: &ServicePlan) -> PortResult<Arc<dyn Probe>> {
    let public = match &plan.traffic.edge {
        EdgeSettings::Embedded { listen } => format!("http://{}", reachable(listen)),
        EdgeSettings::Remote { public, .. } => public.clone(),
    };
    let path = health_path(&plan.primary.health_url);
    Ok(Arc::new(HttpProbe::new(
        &format!("{}{path}", public.trim_end_matches('/')),
        plan.health.timeout,
    )?))
}

/// An address to connect to for an address that is listened on.
fn reachable(listen: &str) -> String {
    match listen.strip_prefix("0.0.0.0:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => listen.to_owned(),
    }
}

/// The path of the health URL, which the edge passes on.
fn health_path(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| "/".to_owned(), |u| u.path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outside_probe_takes_the_path_of_the_health_url() {
        assert_eq!(health_path("http://10.0.11.10:8080/healthz"), "/healthz");
        assert_eq!(health_path("http://10.0.11.10:8080"), "/");
        assert_eq!(reachable("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reachable("127.0.0.1:8080"), "127.0.0.1:8080");
    }
}
