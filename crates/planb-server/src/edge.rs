//! Starts edges: inside the control plane, or as a process of their own.

use crate::wiring::Shared;
use planb_connector_system::{SystemClock, SystemDisk};
use planb_edge::{AdminConfig, Edge, EdgeConfig, RemoteTraffic};
use planb_model::plan::ServicePlan;
use planb_model::{Secret, SecretRef, ServiceName};
use planb_ports::{ErrorKind, PortError, PortResult, Traffic};
use std::path::PathBuf;
use std::sync::Arc;

/// File with the last plan of an edge, in its state directory.
const PLAN_FILE: &str = "traffic-plan.json";

/// Starts the edge of `plan` in this process.
pub async fn start_embedded(plan: &ServicePlan, listen: &str, shared: &Shared) -> PortResult<Edge> {
    let mut config = EdgeConfig::new(plan.name.clone(), listen);
    let directory = shared.state.join("edge").join(plan.name.as_str());
    config.state_file = Some(directory.join(PLAN_FILE));
    Edge::start(config, Arc::clone(&shared.disk), Arc::clone(&shared.clock)).await
}

/// The edge behind an admin API.
pub fn remote(admin: &str, token: Option<Secret>) -> PortResult<Arc<dyn Traffic>> {
    Ok(Arc::new(RemoteTraffic::new(
        admin,
        token.as_ref(),
        Arc::new(SystemClock::new()),
    )?))
}

/// What an edge of its own is started with.
pub struct AloneOptions {
    /// The service it serves.
    pub service: String,
    /// `host:port` it serves at.
    pub listen: String,
    /// `host:port` of its admin API.
    pub admin: String,
    /// File with the token of the admin API.
    pub token_file: PathBuf,
    /// Where it keeps its last plan.
    pub state: PathBuf,
}

/// Starts an edge that is this process's only work.
pub async fn start_alone(options: AloneOptions) -> PortResult<Edge> {
    let service = ServiceName::new(options.service.as_str()).map_err(|error| {
        PortError::new(
            ErrorKind::Invalid,
            "PB-SERVICE-NAME",
            format!("'{}' is not a service: {error}", options.service),
        )
    })?;
    let disk = Arc::new(SystemDisk);
    let token = SecretRef::File(options.token_file);
    let mut config = EdgeConfig::new(service, options.listen);
    config.state_file = Some(options.state.join(PLAN_FILE));
    config.admin = Some(AdminConfig {
        listen: options.admin,
        token: crate::secrets::resolve(&token, disk.as_ref()).await?,
        allow_other_than_loopback: false,
    });
    Edge::start(config, disk, Arc::new(SystemClock::new())).await
}
