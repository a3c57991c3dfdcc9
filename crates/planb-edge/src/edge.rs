//! An edge: started, asked, shut down.

use crate::admin::Admin;
use crate::body::PassBody;
use crate::config::{AdminConfig, EdgeConfig};
use crate::connection::{Handler, accept, listen};
use crate::desk::{Desk, EdgeTraffic};
use crate::error;
use crate::metrics::{Metrics, MetricsSnapshot};
use crate::pool::Pool;
use crate::serve::{Client, Context, answer};
use crate::time::within;
use async_trait::async_trait;
use hyper::body::Incoming;
use hyper::{Request, Response};
use planb_ports::{Clock, Disk, PortResult, Traffic};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections to the admin API: a control plane or two, and an operator.
const ADMIN_CONNECTIONS_MAX: usize = 16;

/// A running edge. Dropping it ends it at once; [`Edge::shutdown`] ends it well.
pub struct Edge {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    cx: Arc<Context>,
}

impl Edge {
    /// Starts an edge with the plan of its state file, if there is one; until
    /// there is a plan it serves the maintenance page.
    ///
    /// Errors: `PB-EDGE-PORT-TAKEN`, `PB-EDGE-PORT-PERMISSION`, `PB-EDGE-LISTEN`
    /// when it cannot listen, `PB-EDGE-STATE` (`Corrupt`) when the state file
    /// holds something else, and errors of the disk.
    pub async fn start(
        config: EdgeConfig,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> PortResult<Edge> {
        let metrics = Arc::new(Metrics::default());
        let desk = Desk::open(config.service, config.state_file, disk, metrics.clone()).await?;
        let (listener, address) = listen(&config.listen).await?;
        let admin = match config.admin {
            Some(admin) => Some(listen_admin(admin).await?),
            None => None,
        };
        let (tasks, stop, kill) = (
            TaskTracker::new(),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        let pool = Pool::new(
            clock.clone(),
            config.limits.clone(),
            tasks.clone(),
            stop.clone(),
            kill.clone(),
        );
        let cx = Arc::new(Context {
            clock,
            limits: config.limits,
            trust_forwarded: config.trust_forwarded,
            metrics,
            desk: Arc::new(desk),
            pool: Arc::new(pool),
            tasks,
            stop,
            kill,
        });
        let connections_max = cx.limits.connections_max;
        let front = Arc::new(Front(cx.clone()));
        cx.tasks
            .spawn(accept(cx.clone(), listener, connections_max, front));
        cx.tasks.spawn(sweep(cx.clone()));
        let admin_address = admin.map(|(listener, address, config)| {
            let admin = Arc::new(Admin::new(cx.clone(), config.token));
            cx.tasks
                .spawn(accept(cx.clone(), listener, ADMIN_CONNECTIONS_MAX, admin));
            address
        });
        tracing::info!(%address, ?admin_address, "edge started");
        Ok(Edge {
            address,
            admin_address,
            cx,
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of its admin API, if it has one.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// `http://host:port` of its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Applies traffic plans to it.
    pub fn traffic(&self) -> Arc<dyn Traffic> {
        Arc::new(EdgeTraffic(self.cx.desk.clone()))
    }

    /// Its counters.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.cx.metrics.snapshot()
    }

    /// Takes no new connections, lets requests in flight end for at most the
    /// drain timeout, then ends the rest. Returns whether all of them ended.
    pub async fn shutdown(self) -> bool {
        self.cx.stop.cancel();
        self.cx.tasks.close();
        let clock = self.cx.clock.as_ref();
        let drained = within(clock, self.cx.limits.drain_timeout, self.cx.tasks.wait()).await;
        self.cx.kill.cancel();
        self.cx.tasks.wait().await;
        drained.is_some()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.cx.stop.cancel();
        self.cx.kill.cancel();
    }
}

async fn listen_admin(config: AdminConfig) -> PortResult<(TcpListener, SocketAddr, AdminConfig)> {
    if config.token.expose().is_empty() {
        return Err(error::admin_without_token());
    }
    let (listener, address) = listen(&config.listen).await?;
    if !address.ip().is_loopback() && !config.allow_other_than_loopback {
        return Err(error::admin_not_loopback(&config.listen));
    }
    Ok((listener, address, config))
}

/// Lets go of connections that nobody used for a while.
async fn sweep(cx: Arc<Context>) {
    loop {
        let stopped = tokio::select! {
            () = cx.clock.sleep(cx.limits.idle_connection_age_max) => false,
            () = cx.stop.cancelled() => true,
        };
        cx.pool.sweep();
        if stopped {
            return;
        }
    }
}

/// The listener clients come to.
struct Front(Arc<Context>);

#[async_trait]
impl Handler for Front {
    async fn handle(&self, client: Client, request: Request<Incoming>) -> Response<PassBody> {
        answer(&self.0, client, request).await
    }
}
