//! Opening a connection: TCP, TLS when it is asked for, start packet, login.

use super::{Frame, Stream, Wire, auth, unexpected};
use crate::error::{disconnected, invalid, protocol};
use bytes::BufMut;
use planb_model::Secret;
use planb_ports::{ErrorKind, PortError, PortResult};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Protocol 3.0.
const PROTOCOL: u32 = 0x0003_0000;
/// Asks whether the server speaks TLS.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Where to and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Address<'a> {
    pub host: &'a str,
    pub port: u16,
    pub tls_ca: Option<&'a Path>,
    pub user: &'a str,
    pub password: Option<&'a Secret>,
    /// Names and values of the start packet, after `user`.
    pub parameters: &'a [(&'a str, &'a str)],
}

impl Wire {
    /// Opens a connection and logs in.
    pub async fn open(address: &Address<'_>) -> PortResult<Self> {
        let what = "connect";
        let io = |error| disconnected(what).source(error);
        let tcp = TcpStream::connect((address.host, address.port))
            .await
            .map_err(io)?;
        tcp.set_nodelay(true).map_err(io)?;
        let stream: Box<dyn Stream> = match address.tls_ca {
            Some(ca) => Box::new(encrypt(tcp, address.host, ca).await?),
            None => Box::new(tcp),
        };
        let mut wire = Wire::new(stream);
        wire.start(address).await?;
        let encrypted = address.tls_ca.is_some();
        auth::log_in(&mut wire, address, encrypted).await?;
        wire.ready(what).await?;
        Ok(wire)
    }

    async fn start(&mut self, address: &Address<'_>) -> PortResult<()> {
        let mut body = Vec::new();
        body.put_u32(PROTOCOL);
        for (name, value) in [("user", address.user)].iter().chain(address.parameters) {
            if value.contains('\0') {
                return Err(invalid(format!("{name} has a zero byte")));
            }
            body.put_slice(name.as_bytes());
            body.put_u8(0);
            body.put_slice(value.as_bytes());
            body.put_u8(0);
        }
        body.put_u8(0);
        self.put_length(body.len())?;
        self.outbox.put_slice(&body);
        self.flush("connect").await
    }

    /// A message of the login.
    pub(super) async fn login_frame(&mut self) -> PortResult<Frame> {
        let what = "log in";
        let frame = self.frame(what).await?;
        match frame.tag {
            b'R' => Ok(frame),
            // The server hangs up after it: nothing more is to be read.
            b'E' => Err(crate::error::from_server(
                what,
                super::server_error(&frame.body),
            )),
            tag => Err(unexpected(what, tag)),
        }
    }

    /// Answers a question of the login.
    pub(super) async fn login_answer(&mut self, body: &[u8]) -> PortResult<()> {
        self.outbox.put_u8(b'p');
        self.put_length(body.len())?;
        self.outbox.put_slice(body);
        self.flush("log in").await
    }
}

/// TLS with the authority of `ca` and no other, and with the host's name.
async fn encrypt(
    mut tcp: TcpStream,
    host: &str,
    ca: &Path,
) -> PortResult<tokio_rustls::client::TlsStream<TcpStream>> {
    let io = |error| disconnected("connect by TLS").source(error);
    let config = tls_config(ca)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| {
        invalid(format!("{host} cannot be the name in a certificate")).source(error)
    })?;
    tcp.write_all(&TLS_REQUEST).await.map_err(io)?;
    match tcp.read_u8().await.map_err(io)? {
        b'S' => {}
        b'N' => {
            return Err(tls_refused("the server does not speak TLS").hint(
                "set ssl=on at the server, or take `tls` out of the plan",
                "서버에 ssl=on을 설정하거나 계획 파일에서 `tls`를 지우세요",
            ));
        }
        other => {
            return Err(protocol(format!(
                "the server answered {other} when asked for TLS"
            )));
        }
    }
    let connected = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await;
    connected.map_err(|error| {
        tls_refused("the server's certificate was refused").source(error).hint(
            "`tls.ca` must be the authority that signed it, and it must name the host of the plan",
            "`tls.ca`는 인증서에 서명한 기관이어야 하고, 인증서에 계획 파일의 호스트 이름이 있어야 합니다",
        )
    })
}

fn tls_refused(message: &str) -> PortError {
    PortError::new(ErrorKind::Unauthenticated, "PB-POSTGRES-TLS", message)
}

fn tls_config(ca: &Path) -> PortResult<ClientConfig> {
    let bad = |what: &str| invalid(format!("{} {what}", ca.display()));
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(ca).map_err(|error| bad("cannot be read").source(error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| bad("is not PEM").source(error))?;
        roots
            .add(certificate)
            .map_err(|error| bad("holds a bad certificate").source(error))?;
    }
    if roots.is_empty() {
        return Err(bad("holds no certificate"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| protocol("cannot prepare TLS").source(error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
