//! The running control plane: services, embedded edges and the API, opened
//! together and stopped together.

use crate::api::types::ApiAddress;
use crate::api::{self, ApiState};
use crate::audit::{self, AuditOptions};
use crate::control::ControlPlane;
use crate::wiring::{self, Shared};
use crate::{API_FILE, STATE_FILE, edge, secrets};
use planb_connector_system::{SystemClock, SystemDisk, SystemRandom};
use planb_edge::Edge;
use planb_engine::{CrashPoints, EngineError, Service, ServicePorts};
use planb_model::plan::{EdgeSettings, ServicePlan};
use planb_model::{Secret, ServiceName, Text};
use planb_ports::{Clock, ErrorKind, PortError, PortResult, Traffic};
use planb_store_sqlite::SqliteStore;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Random bytes in the API's token: more than anybody can try.
const TOKEN_BYTES: usize = 32;

/// What a control plane is opened with.
pub struct RuntimeOptions {
    /// The services.
    pub plans: Vec<ServicePlan>,
    /// The state directory; made when it is missing, for its owner only.
    pub state: PathBuf,
    /// `host:port` of the API, on loopback.
    pub api_listen: String,
    /// Who signs the audit log.
    pub audit: AuditOptions,
    /// Where tests may end the process.
    pub crash: Arc<dyn CrashPoints>,
}

/// A control plane that is open and not yet running.
pub struct Runtime {
    control: Arc<ControlPlane>,
    ports: BTreeMap<ServiceName, ServicePorts>,
    edges: Vec<Edge>,
    listener: TcpListener,
    address: ApiAddress,
    shared: Shared,
}

impl Runtime {
    /// Takes the state directory, connects everything and binds every port.
    /// Fails at once when another process owns the state or a port is taken.
    pub async fn open(mut options: RuntimeOptions) -> Result<Self, EngineError> {
        make_private_directory(&options.state)?;
        let clock = SystemClock::new();
        let audit = audit::open(&options.audit, &options.state, &SystemDisk).await?;
        let store = SqliteStore::open(options.state.join(STATE_FILE), audit, clock.now())?;
        let mut notices = Vec::new();
        if let Some(found) = store.audit_break().await? {
            audit::hold(&mut options.plans);
            notices.push(audit::notice(&found));
        }
        let shared = Shared {
            clock: Arc::new(clock),
            random: Arc::new(SystemRandom),
            disk: Arc::new(SystemDisk),
            store: Arc::new(store),
            crash: options.crash,
            state: options.state,
        };
        let listener = bind_loopback(&options.api_listen).await?;
        let mut services = BTreeMap::new();
        let mut ports = BTreeMap::new();
        let mut edges = Vec::new();
        for plan in &options.plans {
            let traffic = open_edge(plan, &shared, &mut edges).await?;
            let connected = wiring::connect(plan, &shared, traffic).await?;
            services.insert(plan.name.clone(), Service::new(connected.clone()));
            ports.insert(plan.name.clone(), connected);
        }
        let address = ApiAddress {
            url: format!("http://{}", local_address(&listener)?),
            token: new_token()?,
            pid: std::process::id(),
        };
        Ok(Self {
            control: Arc::new(ControlPlane::new(services, notices)),
            ports,
            edges,
            listener,
            address,
            shared,
        })
    }

    /// `http://host:port` of the API and the status page.
    pub fn api_url(&self) -> &str {
        &self.address.url
    }

    /// What is wrong with the control plane itself, for whoever starts it.
    pub fn notices(&self) -> &[Text] {
        self.control.notices()
    }

    /// A service with its ports, for the demo.
    pub fn parts(&self, name: &ServiceName) -> Result<(Arc<Service>, ServicePorts), EngineError> {
        let service = Arc::clone(self.control.service(name)?);
        let ports = self.ports.get(name).cloned();
        let ports = ports.ok_or_else(|| not_connected(name))?;
        Ok((service, ports))
    }

    /// Runs until `stop`, then leaves every service as it is. The first service
    /// or API that fails ends all of them: half a control plane helps nobody.
    pub async fn run(self, stop: CancellationToken) -> Result<(), EngineError> {
        let file = self.shared.state.join(API_FILE);
        let text = serde_json::to_vec(&self.address).unwrap_or_default();
        self.shared.disk.write_atomic(&file, &text).await?;
        let mut tasks = JoinSet::new();
        for service in self.control.services() {
            tasks.spawn(Arc::clone(service).run(stop.clone()));
        }
        let app = api::router(ApiState {
            control: Arc::clone(&self.control),
            token: Secret::new(self.address.token.clone()),
        });
        tasks.spawn(serve_api(self.listener, app, stop.clone()));
        let mut first: Result<(), EngineError> = Ok(());
        while let Some(ended) = tasks.join_next().await {
            let ended = ended.unwrap_or_else(|error| {
                Err(PortError::new(
                    ErrorKind::Internal,
                    "PB-TASK",
                    "a task of the control plane ended by itself",
                )
                .source(error)
                .into())
            });
            if first.is_ok() {
                first = ended;
            }
            stop.cancel();
        }
        for edge in self.edges {
            if !edge.shutdown().await {
                tracing::warn!("requests in flight were cut off");
            }
        }
        remove_address(&file);
        first
    }
}

async fn open_edge(
    plan: &ServicePlan,
    shared: &Shared,
    edges: &mut Vec<Edge>,
) -> PortResult<Arc<dyn Traffic>> {
    match &plan.traffic.edge {
        EdgeSettings::Embedded { listen } => {
            let opened = edge::start_embedded(plan, listen, shared).await?;
            let traffic = opened.traffic();
            edges.push(opened);
            Ok(traffic)
        }
        EdgeSettings::Remote { admin, token, .. } => {
            let token = match token {
                Some(reference) => Some(secrets::resolve(reference, shared.disk.as_ref()).await?),
                None => None,
            };
            edge::remote(admin, token)
        }
    }
}

async fn serve_api(
    listener: TcpListener,
    app: axum::Router,
    stop: CancellationToken,
) -> Result<(), EngineError> {
    axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .map_err(|error| {
            PortError::new(
                ErrorKind::Internal,
                "PB-API-SERVE",
                "the API stopped serving",
            )
            .source(error)
            .into()
        })
}

/// Binds the API; anything but loopback is refused, because it has no TLS.
async fn bind_loopback(listen: &str) -> PortResult<TcpListener> {
    let failed = |kind, error: std::io::Error| {
        PortError::new(
            kind,
            "PB-API-LISTEN",
            format!("the API cannot listen on {listen}"),
        )
        .source(error)
        .hint(
            "choose another port with --listen, or stop what uses it",
            "--listen으로 다른 포트를 지정하거나 사용 중인 프로세스를 중지하세요",
        )
    };
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| failed(ErrorKind::Unavailable, error))?;
    let local = listener
        .local_addr()
        .map_err(|e| failed(ErrorKind::Internal, e))?;
    if local.ip().is_loopback() {
        Ok(listener)
    } else {
        Err(PortError::new(
            ErrorKind::Invalid,
            "PB-API-NOT-LOOPBACK",
            format!("the API listens on loopback only, not on {listen}"),
        )
        .hint(
            "use 127.0.0.1, and a tunnel to reach it from elsewhere",
            "127.0.0.1을 사용하고, 외부에서는 터널로 접속하세요",
        ))
    }
}

fn local_address(listener: &TcpListener) -> PortResult<std::net::SocketAddr> {
    listener.local_addr().map_err(|error| {
        PortError::new(
            ErrorKind::Internal,
            "PB-API-LISTEN",
            "the API has no address",
        )
        .source(error)
    })
}

fn new_token() -> PortResult<String> {
    let mut bytes = [0u8; TOKEN_BYTES];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| {
            PortError::new(
                ErrorKind::Internal,
                "PB-API-RANDOM",
                "the system gives no random bytes",
            )
        })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The state holds the API's token and journals: its owner only.
fn make_private_directory(path: &Path) -> PortResult<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| {
            PortError::new(
                ErrorKind::Invalid,
                "PB-STATE-DIR",
                format!("the state directory {} cannot be made", path.display()),
            )
            .source(error)
            .hint(
                "name another one with --state",
                "--state로 다른 디렉터리를 지정하세요",
            )
        })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the Disk port deletes nothing, and this file is only a signpost"
)]
fn remove_address(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "cannot delete the address of the API");
    }
}

fn not_connected(name: &ServiceName) -> EngineError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-SERVICE-NOT-FOUND",
        format!("service '{name}' is not connected"),
    )
    .into()
}
