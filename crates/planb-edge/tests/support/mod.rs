//! Origins, clients and edges on loopback, for the tests of the edge.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests guard against hanging with real time"
)]

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use planb_connector_system::{SystemClock, SystemDisk};
use planb_edge::{Edge, EdgeConfig};
use planb_model::traffic::{Origin, TrafficMode, TrafficPlan};
use planb_model::{Epoch, ServiceName, SiteName};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// After this a test hangs. No passing test waits for it.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work)
        .await
        .expect("the test hangs")
}

/// Polls `condition` until it holds.
pub async fn until(mut condition: impl FnMut() -> bool) {
    in_time(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

pub fn service() -> ServiceName {
    ServiceName::new("orders").unwrap()
}

pub fn config() -> EdgeConfig {
    EdgeConfig::new(service(), "127.0.0.1:0")
}

pub async fn start(config: EdgeConfig) -> Edge {
    Edge::start(config, Arc::new(SystemDisk), Arc::new(SystemClock::new()))
        .await
        .unwrap()
}

pub fn plan(epoch: u64, revision: u64, origins: &[(&str, SocketAddr)]) -> TrafficPlan {
    let origins = origins
        .iter()
        .map(|(site, address)| Origin {
            site: SiteName::new(*site).unwrap(),
            url: format!("http://{address}"),
        })
        .collect();
    TrafficPlan {
        service: service(),
        epoch: Epoch(epoch),
        revision,
        mode: TrafficMode::Serve { origins },
        retry_after_secs: 7,
    }
}

pub fn maintenance(epoch: u64, revision: u64) -> TrafficPlan {
    TrafficPlan {
        mode: TrafficMode::Maintenance,
        ..plan(epoch, revision, &[])
    }
}

/// An edge that serves by these origins.
pub async fn edge_to(origins: &[(&str, SocketAddr)]) -> Edge {
    let edge = start(config()).await;
    edge.traffic().apply(&plan(1, 1, origins)).await.unwrap();
    edge
}

/// What an origin was asked.
pub struct Asked {
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An origin that is well: answers its name and remembers what it was asked.
pub struct WellOrigin {
    pub address: SocketAddr,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    pub connections: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

impl WellOrigin {
    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Drop for WellOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub async fn well(name: &'static str) -> WellOrigin {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let connections: Arc<Mutex<usize>> = Arc::default();
    let (all, counted) = (asked.clone(), connections.clone());
    let task = tokio::spawn(async move {
        let mut served = tokio::task::JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            *counted.lock().unwrap() += 1;
            let all = all.clone();
            let service = service_fn(move |request| answer(name, all.clone(), request));
            served.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    WellOrigin {
        address,
        asked,
        connections,
        task,
    }
}

async fn answer(
    name: &'static str,
    asked: Arc<Mutex<Vec<Asked>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    asked.lock().unwrap().push(Asked {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts.headers,
        body,
    });
    let response = Response::builder()
        .header("x-planb-site", "liar")
        .header("x-planb-epoch", "999")
        .header("keep-alive", "timeout=5")
        .header("x-own", "kept");
    Ok(response.body(Full::from(name)).unwrap())
}

/// An address that refuses connections for as long as the value lives.
pub struct Dead {
    pub address: SocketAddr,
    _held: TcpSocket,
}

pub fn dead() -> Dead {
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    Dead {
        address: held.local_addr().unwrap(),
        _held: held,
    }
}

/// An origin written by hand: `script` gets each connection and its number.
pub async fn scripted<F, W>(script: F) -> SocketAddr
where
    F: Fn(TcpStream, usize) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(script(stream, number));
        }
    });
    address
}

/// Reads until the blank line after the headers.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap() == 0 {
            break;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A whole answer, as a client sees it.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn parse(bytes: &[u8]) -> Option<Reply> {
        let text = String::from_utf8(bytes.to_vec()).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Some(Reply {
            status,
            headers,
            body: body.to_owned(),
        })
    }
}

pub async fn connect(edge: &Edge) -> TcpStream {
    TcpStream::connect(edge.address()).await.unwrap()
}

/// Sends raw bytes and reads until the edge closes.
pub async fn raw(edge: &Edge, bytes: &[u8]) -> Vec<u8> {
    in_time(async {
        let mut stream = connect(edge).await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is an end as well.
        drop(stream.read_to_end(&mut answer).await);
        answer
    })
    .await
}

/// Sends one request and reads the whole answer.
pub async fn ask(edge: &Edge, method: &str, headers: &str, body: &str) -> Reply {
    let length = match body {
        "" => String::new(),
        body => format!("content-length: {}\r\n", body.len()),
    };
    let request = format!(
        "{method} /orders?id=1 HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n{length}{headers}\r\n{body}"
    );
    let bytes = raw(edge, request.as_bytes()).await;
    Reply::parse(&bytes).unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&bytes)))
}

pub async fn get(edge: &Edge) -> Reply {
    ask(edge, "GET", "", "").await
}
