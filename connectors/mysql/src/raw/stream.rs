//! The socket, plain or TLS.

use crate::config::MysqlConfig;
use mysql_async::{DriverError, Error};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A connection to a server.
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
    /// While it is being changed.
    Gone,
}

impl Stream {
    pub async fn connect(config: &MysqlConfig) -> Result<Self, Error> {
        let stream = TcpStream::connect((config.host.as_str(), config.port)).await?;
        stream.set_nodelay(true)?;
        Ok(Stream::Plain(Socket(Some(stream))))
    }

    /// Goes on encrypted, to a server whose certificate the authority in `ca`
    /// vouches for.
    pub async fn encrypt(&mut self, host: &str, ca: &Path) -> Result<(), Error> {
        let Stream::Plain(plain) = std::mem::replace(self, Stream::Gone) else {
            return Err(DriverError::ConnectionClosed.into());
        };
        let connector = connector(ca).await?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = connector.connect(name, plain).await?;
        *self = Stream::Tls(Box::new(stream));
        Ok(())
    }

    pub fn is_encrypted(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(buffer).await,
            Stream::Tls(stream) => stream.read(buffer).await,
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Lets what comes gather in the kernel for `pause`. Nothing wakes this process
    /// meanwhile, which a socket that is waited for does with every packet. Dropped
    /// before its end, it leaves the connection closed.
    pub async fn rest(&mut self, pause: Duration) -> io::Result<()> {
        let socket = match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.get_mut().0,
            Stream::Gone => return Err(io::ErrorKind::NotConnected.into()),
        };
        let live = socket.0.take().ok_or(io::ErrorKind::NotConnected)?;
        let resting = live.into_std()?;
        tokio::time::sleep(pause).await;
        socket.0 = Some(TcpStream::from_std(resting)?);
        Ok(())
    }

    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.write_all(bytes).await,
            Stream::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// A socket, `None` while it rests.
pub(super) struct Socket(Option<TcpStream>);

impl Socket {
    fn live(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let live = self.0.as_mut().map(Pin::new);
        live.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.live()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.live()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.live()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.live()?.poll_shutdown(cx)
    }
}

async fn connector(ca: &Path) -> io::Result<TlsConnector> {
    let pem = tokio::fs::read(ca).await?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
