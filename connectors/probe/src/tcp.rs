//! Opening a TCP connection is well.

use crate::{address, error};
use async_trait::async_trait;
use planb_ports::probe::Seen;
use planb_ports::{PortResult, Probe};
use std::time::Duration;
use tokio::net::TcpStream;

/// Opens a connection and closes it again.
#[derive(Debug)]
pub struct TcpProbe {
    host: String,
    port: u16,
    shown: String,
    timeout: Duration,
}

impl TcpProbe {
    /// A probe of `tcp://host:port`; an `http(s)://` URL means its host and port,
    /// with the port of its scheme when it names none.
    pub fn new(url: &str, timeout: Duration) -> PortResult<Self> {
        let url = address::parse(url, &["tcp", "http", "https"])?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(error::address("tcp://host:port"));
        };
        Ok(Self {
            // `Url` keeps the brackets of an IPv6 address; the resolver does not want them.
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            shown: format!("tcp://{host}:{port}"),
            timeout,
        })
    }
}

#[async_trait]
impl Probe for TcpProbe {
    async fn look(&self) -> PortResult<Seen> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        match tokio::time::timeout(self.timeout, connect).await {
            Ok(Ok(_closed_on_drop)) => Ok(Seen::default()),
            Ok(Err(e)) => Err(error::failed(&self.shown, e)),
            Err(_) => Err(error::timeout(&self.shown, self.timeout)),
        }
    }
}
