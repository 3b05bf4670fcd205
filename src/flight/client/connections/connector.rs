//! Opens a connection to a server over TCP, TLS or a Unix socket.

use super::credentials::Credentials;
use crate::error::Result;
use crate::flight::byte_stream::ByteStream;
use crate::flight::location::{Location, Transport, host};
use http::uri::Authority;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

/// The time that a server has to accept a connection, the TLS handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Opens connections to one server.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    transport: Transport,
    tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    /// Creates a connector to the server at `location`.
    ///
    /// # Errors
    /// Returns the errors of [`Credentials::tls`] if `location` uses TLS.
    pub fn new(location: &Location, credentials: &Credentials) -> Result<Self> {
        let transport = location.transport().clone();
        let tls = matches!(transport, Transport::Tls(_)).then(|| credentials.tls()).transpose()?;
        Ok(Self { transport, tls })
    }

    /// Returns the scheme and authority of the requests, such as `https://host:port`.
    pub fn origin(&self) -> String {
        match &self.transport {
            Transport::Tcp(authority) => format!("http://{authority}"),
            Transport::Tls(authority) => format!("https://{authority}"),
            Transport::Unix(_) => "http://localhost".into(),
        }
    }

    async fn open(self) -> io::Result<TokioIo<Box<dyn ByteStream>>> {
        let tcp = |authority: Authority| async move {
            let stream = TcpStream::connect((host(&authority), authority.port_u16().unwrap_or_default())).await?;
            stream.set_nodelay(true)?;
            io::Result::Ok((stream, authority))
        };
        let stream: Box<dyn ByteStream> = match (self.transport, self.tls) {
            (Transport::Unix(path), _) => Box::new(UnixStream::connect(path).await?),
            (Transport::Tls(authority), Some(tls)) => {
                let (stream, authority) = tcp(authority).await?;
                let name = ServerName::try_from(host(&authority).to_string()).map_err(io::Error::other)?;
                Box::new(TlsConnector::from(tls).connect(name, stream).await?)
            }
            // `new` sets up TLS for every such location.
            (Transport::Tls(_), None) => return Err(io::ErrorKind::Unsupported.into()),
            (Transport::Tcp(authority), _) => Box::new(tcp(authority).await?.0),
        };
        Ok(TokioIo::new(stream))
    }
}

impl Service<http::Uri> for Connector {
    type Response = TokioIo<Box<dyn ByteStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let open = self.clone().open();
        Box::pin(async move {
            let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {CONNECT_TIMEOUT:?}"));
            timeout(CONNECT_TIMEOUT, open).await.map_err(|_| late())?
        })
    }
}
