//! Listening, and serving the connections that come, within bounds.

use crate::body::PassBody;
use crate::error;
use crate::io::TimedStream;
use crate::serve::{Client, Context};
use crate::time::{ClockTimer, Idle};
use async_trait::async_trait;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use planb_ports::PortResult;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Pause after an accept that failed: most often no file descriptor is left,
/// and trying again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Read buffer per connection above the headers' own bound.
const SPARE_BUFFER_BYTES: usize = 8 * 1024;

/// Answers the requests of a listener.
#[async_trait]
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers one request, whatever it is.
    async fn handle(&self, client: Client, request: Request<Incoming>) -> Response<PassBody>;
}

/// Takes `host:port`.
pub(crate) async fn listen(address: &str) -> PortResult<(TcpListener, SocketAddr)> {
    let failed = |e| error::listen(address, e);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

/// Serves what connects to `listener` until the edge stops, at most
/// `connections_max` at once.
pub(crate) async fn accept(
    cx: Arc<Context>,
    listener: TcpListener,
    connections_max: usize,
    handler: Arc<dyn Handler>,
) {
    let places = Arc::new(Semaphore::new(connections_max));
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = places.clone().acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = cx.stop.cancelled() => None,
        };
        match accepted {
            None => return,
            Some((place, Ok((stream, peer)))) => {
                cx.metrics.connections.add();
                let client = Client {
                    address: peer.ip().to_canonical(),
                    _place: Arc::new(place),
                };
                let connection = serve(cx.clone(), stream, client, handler.clone());
                cx.tasks.spawn(connection);
            }
            Some((_, Err(e))) => {
                tracing::warn!(error = %e, "a connection cannot be accepted");
                cx.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(cx: Arc<Context>, stream: TcpStream, client: Client, handler: Arc<dyn Handler>) {
    if let Err(e) = stream.set_nodelay(true) {
        tracing::debug!(error = %e, "a client is gone already");
        return;
    }
    let writes = Idle::new(cx.clock.clone(), cx.limits.idle_timeout);
    let service = service_fn(move |request| {
        let (handler, client) = (handler.clone(), client.clone());
        async move { Ok::<_, Infallible>(handler.handle(client, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(ClockTimer::new(cx.clock.clone()))
        .header_read_timeout(cx.limits.header_timeout)
        .max_header_size(cx.limits.header_bytes_max)
        .max_buf_size(cx.limits.header_bytes_max + SPARE_BUFFER_BYTES)
        .serve_connection(TokioIo::new(TimedStream::new(stream, writes)), service)
        .with_upgrades();
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            end = connection.as_mut() => {
                if let Err(e) = end {
                    tracing::debug!(error = %e, "a client's connection ended");
                }
                return;
            }
            () = cx.stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = cx.kill.cancelled() => return,
        }
    }
}
