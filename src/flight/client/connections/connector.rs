//! Opens a connection to a server over TCP, TLS or a Unix socket.

use super::credentials::Credentials;
use super::fault::{Fault, FaultCell};
use crate::error::Result;
use crate::flight::byte_stream::{ByteStream, Watch, WatchedStream};
use crate::flight::location::{Location, Transport, host};
use http::uri::Authority;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

/// The type of the SETTINGS frame, with which every HTTP/2 server begins, and the place of a frame's type.
const SETTINGS: u8 = 4;
const FRAME_TYPE: usize = 3;

/// Opens connections to one server.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    location: Location,
    tls: Option<Arc<ClientConfig>>,
    limit: Duration,
    fault: FaultCell,
}

impl Connector {
    /// Creates a connector to the server at `location`. Connecting takes `limit` at most, the TLS handshake included.
    /// The connector leaves the fault of its last connection in `fault`.
    ///
    /// # Errors
    /// Returns the errors of [`Credentials::tls`] if `location` uses TLS.
    pub fn new(location: &Location, credentials: &Credentials, limit: Duration, fault: FaultCell) -> Result<Self> {
        let tls = matches!(location.transport(), Transport::Tls(_)).then(|| credentials.tls()).transpose()?;
        Ok(Self { location: location.clone(), tls, limit, fault })
    }

    /// Returns the scheme and authority of the requests, such as `https://host:port`.
    pub fn origin(&self) -> String {
        match self.location.transport() {
            Transport::Tcp(authority) => format!("http://{authority}"),
            Transport::Tls(authority) => format!("https://{authority}"),
            Transport::Unix(_) => "http://localhost".into(),
        }
    }

    async fn open(&self) -> Result<Box<dyn ByteStream>, Fault> {
        let location = &self.location;
        Ok(match location.transport() {
            Transport::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                Box::new(stream.map_err(|error| Fault::unusable_socket(location, path, &error))?)
            }
            Transport::Tcp(authority) => Box::new(self.tcp(authority).await?),
            Transport::Tls(authority) => {
                let stream = self.tcp(authority).await?;
                let of_tls = |error| Fault::of_tls(location, &error);
                let name = ServerName::try_from(host(authority).to_string()).map_err(io::Error::other);
                // `new` sets up TLS for every such location.
                let tls = self.tls.clone().ok_or_else(|| of_tls(io::ErrorKind::Unsupported.into()))?;
                Box::new(TlsConnector::from(tls).connect(name.map_err(of_tls)?, stream).await.map_err(of_tls)?)
            }
        })
    }

    async fn tcp(&self, authority: &Authority) -> Result<TcpStream, Fault> {
        let (location, host) = (&self.location, host(authority));
        let addresses = lookup_host((host, authority.port_u16().unwrap_or_default())).await;
        let addresses = addresses.map_err(|error| Fault::unknown_host(location, host, &error))?;
        let stream = TcpStream::connect(&addresses.collect::<Vec<SocketAddr>>()[..]).await;
        let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        stream.map_err(|error| Fault::unreachable(location, &error))
    }
}

impl Service<http::Uri> for Connector {
    type Response = TokioIo<WatchedStream<Greeting>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let opened = timeout(connector.limit, connector.open()).await;
            let opened = opened.unwrap_or_else(|_| Err(Fault::late(&connector.location, connector.limit)));
            connector.fault.set(opened.as_ref().err().cloned());
            let io = opened.map_err(|_| io::ErrorKind::NotConnected)?;
            Ok(TokioIo::new(WatchedStream { io, watch: Greeting { connector, is_over: false } }))
        })
    }
}

/// Checks the first bytes of a connection, which must be those of an HTTP/2 server.
pub(super) struct Greeting {
    connector: Connector,
    is_over: bool,
}

impl Watch for Greeting {
    fn read(&mut self, result: io::Result<&[u8]>) -> io::Result<()> {
        if self.is_over {
            return result.map(drop);
        }
        let Connector { location, tls, fault, .. } = &self.connector;
        fault.set(Some(match result {
            Ok([]) => Fault::closed(location),
            Ok(bytes) if bytes.get(FRAME_TYPE).is_none_or(|kind| *kind == SETTINGS) => {
                self.is_over = true;
                return Ok(());
            }
            Ok(bytes) => Fault::of_greeting(location, bytes),
            // A server refuses the certificate of a client only after the handshake.
            Err(error) if tls.is_some() && error.get_ref().is_some() => Fault::of_tls(location, &error),
            Err(_) => Fault::closed(location),
        }));
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    fn reads_after_failed_write(&self) -> bool {
        !self.is_over
    }
}
