//! Connections to origins: opened within a bound, kept for a while.

use crate::body::PassBody;
use crate::config::Limits;
use crate::io::TimedStream;
use crate::origin::OriginSite;
use crate::time::{Idle, within};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use planb_ports::Clock;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The sending half of a connection.
pub(crate) type Sender = http1::SendRequest<PassBody>;

/// Bytes of a response's line and headers: the client side of hyper has one
/// bound for its whole read buffer, which also limits memory per connection.
const ORIGIN_BUFFER_BYTES_MAX: usize = 64 * 1024;

type Address = (String, u16);

struct Kept {
    sender: Sender,
    since: Duration,
}

/// Idle connections by origin.
pub(crate) struct Pool {
    clock: Arc<dyn Clock>,
    limits: Limits,
    tasks: TaskTracker,
    stop: CancellationToken,
    kill: CancellationToken,
    idle: Mutex<HashMap<Address, Vec<Kept>>>,
}

impl Pool {
    /// A pool that keeps nothing after `stop` and ends all its connections at `kill`.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        limits: Limits,
        tasks: TaskTracker,
        stop: CancellationToken,
        kill: CancellationToken,
    ) -> Self {
        Self {
            clock,
            limits,
            tasks,
            stop,
            kill,
            idle: Mutex::default(),
        }
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Address, Vec<Kept>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kept connection that still looks open, the newest first.
    pub(crate) fn take(&self, origin: &OriginSite) -> Option<Sender> {
        let now = self.clock.monotonic();
        let mut idle = self.idle();
        let kept = idle.get_mut(&address(origin))?;
        while let Some(newest) = kept.pop() {
            if self.is_usable(&newest, now) {
                return Some(newest.sender);
            }
        }
        None
    }

    fn is_usable(&self, kept: &Kept, now: Duration) -> bool {
        let age = now.saturating_sub(kept.since);
        kept.sender.is_ready() && age < self.limits.idle_connection_age_max
    }

    /// Keeps a connection once its response has been read to the end.
    pub(crate) fn keep(self: &Arc<Self>, origin: &OriginSite, mut sender: Sender) {
        let (pool, address) = (self.clone(), address(origin));
        self.tasks.spawn(async move {
            // Not ready: closed by the origin or in the middle of a body; then
            // dropping it is all there is to do.
            if sender.ready().await.is_ok() {
                let since = pool.clock.monotonic();
                let mut idle = pool.idle();
                let kept = idle.entry(address).or_default();
                // Asked under the lock: the last sweep comes after `stop`.
                let wanted = !pool.stop.is_cancelled();
                if wanted && kept.len() < pool.limits.idle_connections_max {
                    kept.push(Kept { sender, since });
                }
            }
        });
    }

    /// Drops what is closed or too old; everything at shutdown.
    pub(crate) fn sweep(&self) {
        let now = self.clock.monotonic();
        let stopped = self.stop.is_cancelled();
        self.idle().retain(|_, kept| {
            kept.retain(|k| !stopped && self.is_usable(k, now));
            !kept.is_empty()
        });
    }

    /// Opens a connection of its own. Every error means that nothing was sent.
    pub(crate) async fn connect(&self, origin: &OriginSite) -> io::Result<Sender> {
        let limit = self.limits.connect_timeout;
        let connect = TcpStream::connect((origin.host.as_str(), origin.port));
        let stream = within(self.clock.as_ref(), limit, connect)
            .await
            .unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))?;
        stream.set_nodelay(true)?;
        let writes = Idle::new(self.clock.clone(), self.limits.idle_timeout);
        let io = TokioIo::new(TimedStream::new(stream, writes));
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(ORIGIN_BUFFER_BYTES_MAX)
            .handshake(io)
            .await
            .map_err(io::Error::other)?;
        let kill = self.kill.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                // Whoever waits for a response gets the error as well.
                end = connection.with_upgrades() => if let Err(e) = end {
                    tracing::debug!(error = %e, "connection to an origin ended");
                },
                () = kill.cancelled() => {}
            }
        });
        Ok(sender)
    }
}

fn address(origin: &OriginSite) -> Address {
    (origin.host.clone(), origin.port)
}
