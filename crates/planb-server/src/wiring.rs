//! Connects one service: every port of its plan to the connector that fits.
//!
//! A new connector is registered here, by one arm of a `match`.

mod crash;

use crate::drills::ScratchVerifier;
use crate::secrets;
use planb_connector_mysql::{Control, MysqlConfig, MysqlDatabase, PhysicalTarget};
use planb_connector_object_store::{ObjectStoreVault, VaultConfig};
use planb_connector_postgres::{Method, PostgresConfig, PostgresDatabase, PostgresTarget};
use planb_connector_probe::{HttpProbe, SqlProbe, TcpProbe, from_url};
use planb_connector_process::{ManagedWorkload, ObservedWorkload};
use planb_connector_sqlite::SqliteDatabase;
use planb_engine::{CrashPoints, ObserverPorts, ServicePorts, SitePorts};
use planb_model::ServiceName;
use planb_model::observation::ProbeKind;
use planb_model::plan::{
    DatabaseAddress, EdgeSettings, Observer, PostgresqlSettings, ReplaceableFiles, ServicePlan,
    Site, VaultAddress, Workload,
};
use planb_ports::{
    Clock, Database, Disk, PortResult, Probe, Random, SnapshotOptions, Store, Traffic,
    VaultStorage, Verifier,
};
use planb_vault::{SpoolOptions, VaultOptions, VaultRepository};
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
    connect_with_files(address, Programs::default(), clock, disk).await
}

/// What a server of MySQL or MariaDB that PlanB itself holds has.
#[derive(Default)]
pub(crate) struct Programs {
    /// Where the server's programs are.
    pub(crate) bin_dir: Option<PathBuf>,
    /// How its files are replaced.
    pub(crate) target: Option<PhysicalTarget>,
}

/// As [`connect_database`], with what no address says.
pub(crate) async fn connect_with_files(
    address: &DatabaseAddress,
    programs: Programs,
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
            let password = secrets::resolve_if_any(password.as_ref(), disk).await?;
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
                password,
                databases: databases.clone(),
                tls_ca: tls_ca.clone(),
                connect_timeout: Duration::from_millis(DATABASE_CONNECT_TIMEOUT_MS),
                replica_id: None,
                bin_dir: programs.bin_dir,
                physical: programs.target.or(files.as_ref().map(replaceable)),
                ..MysqlConfig::new(*engine, host, *port, user)
            };
            Ok(Arc::new(MysqlDatabase::connect_lazy(config, clock)))
        }
    }
}

fn replaceable(files: &ReplaceableFiles) -> PhysicalTarget {
    PhysicalTarget {
        data_dir: files.data_dir.clone(),
        control: Control::Commands {
            stop: files.stop.clone(),
            start: files.start.clone(),
        },
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
            target_takes_files: plan.takes_files(),
            ..SnapshotOptions::default()
        },
        ..VaultOptions::default()
    };
    let parts = VaultParts {
        clock: Arc::clone(&shared.clock),
        random: Arc::clone(&shared.random),
        disk: Arc::clone(&shared.disk),
    };
    let repository = open_vault(&data.vault, plan.name.clone(), options, parts).await?;
    let spool = SpoolOptions {
        bytes_max: data.spool_bytes_max,
        ..SpoolOptions::new(shared.state.join("spool"))
    };
    Ok(repository.with_spool(Arc::clone(&shared.disk), spool))
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

/// Opens the folder of `service` in a vault. Keys are those of the address,
/// whatever `options` say.
pub async fn open_vault(
    vault: &VaultAddress,
    service: ServiceName,
    options: VaultOptions,
    parts: VaultParts,
) -> PortResult<VaultRepository> {
    let storage = connect_storage(vault, parts.disk.as_ref()).await?;
    let disk = parts.disk.as_ref();
    let options = VaultOptions {
        recipients: vault.recipients.clone(),
        identity: secrets::resolve_if_any(vault.identity.as_ref(), disk).await?,
        signing_key: secrets::resolve_if_any(vault.signing_key.as_ref(), disk).await?,
        trusted_signers: vault.trusted_signers.clone(),
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
    use planb_model::recovery::{NewRecord, RecordKind, SignatureState};

    /// The pair of RFC 8410, section 10.
    const PRIVATE_KEY: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
    const PUBLIC_KEY: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    /// The vault in `dir`, signed by that key where `trusted` are the keys that count.
    async fn vault(dir: &std::path::Path, trusted: &[&str]) -> PortResult<VaultRepository> {
        let key = dir.join("key.pem");
        let signs = !trusted.is_empty();
        let address = VaultAddress {
            url: format!("file://{}", dir.join("vault").display()),
            options: BTreeMap::new(),
            secret_options: BTreeMap::new(),
            recipients: vec![],
            identity: None,
            signing_key: signs.then_some(planb_model::SecretRef::File(key)),
            trusted_signers: trusted.iter().map(|key| (*key).to_owned()).collect(),
        };
        let parts = VaultParts {
            clock: Arc::new(planb_connector_system::SystemClock::new()),
            random: Arc::new(planb_connector_system::SystemRandom),
            disk: Arc::new(planb_connector_system::SystemDisk),
        };
        let service = ServiceName::new("orders").expect("a name");
        open_vault(&address, service, VaultOptions::default(), parts).await
    }

    #[tokio::test]
    async fn a_verdict_is_signed_by_the_key_of_the_plan_and_no_other_counts() {
        let dir = tempfile::tempdir().expect("a directory");
        let code = |opened: PortResult<VaultRepository>| opened.err().map(|e| e.code());
        let missing = vault(dir.path(), &[PUBLIC_KEY]).await;
        assert_eq!(code(missing), Some("PB-SECRET-MISSING"));
        let (disk, key) = (
            planb_connector_system::SystemDisk,
            dir.path().join("key.pem"),
        );
        let written = disk.write_atomic(&key, PRIVATE_KEY.as_bytes()).await;
        written.expect("a key");
        let other = PUBLIC_KEY.replace("Gb9E", "Gb9F");
        let not_ours = vault(dir.path(), &[&other]).await;
        assert_eq!(code(not_ours), Some("PB-REPO-SIGNING-KEY"));

        let verdict = |by: &str| NewRecord {
            kind: RecordKind::Verification,
            snapshot: "20260131t010203456z-0a1b2c3d".to_owned(),
            passed: Some(true),
            body: serde_json::json!({ "by": by }),
        };
        let signed = vault(dir.path(), &[PUBLIC_KEY]).await.expect("opens");
        signed.put_record(verdict("planb")).await.expect("written");
        let open = vault(dir.path(), &[]).await.expect("opens");
        open.put_record(verdict("thief")).await.expect("written");
        let read = signed.records(RecordKind::Verification).await;
        let read = read.expect("read");
        assert_eq!(read.len(), 1, "{read:?}");
        assert_eq!(read[0].body["by"], "planb");
        assert_eq!(read[0].signature, SignatureState::Valid);
    }

    #[test]
    fn the_outside_probe_takes_the_path_of_the_health_url() {
        assert_eq!(health_path("http://10.0.11.10:8080/healthz"), "/healthz");
        assert_eq!(health_path("http://10.0.11.10:8080"), "/");
        assert_eq!(reachable("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reachable("127.0.0.1:8080"), "127.0.0.1:8080");
    }
}
