//! `/metrics` over HTTP, which Prometheus scrapes.

use super::activity::Activity;
use crate::error::{Error, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, lookup_host};
use tokio::sync::Semaphore;

/// The path of the metrics.
const PATH: &str = "/metrics";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Open connections; more wait. Prometheus keeps one.
const MAX_CONNECTIONS: usize = 16;

/// The time in which a connection must send a request. Idle connections are closed after it, too.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// The wait after a connection could not be accepted, which is mostly a lack of file descriptors.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Serves the metrics of a server: `GET /metrics` over HTTP/1.1, as OpenMetrics text.
///
/// It asks for no credentials, so it listens on loopback only.
#[derive(Debug)]
pub struct MetricsEndpoint {
    listener: TcpListener,
    local_addr: SocketAddr,
    activity: Arc<Activity>,
}

impl MetricsEndpoint {
    /// Listens on `address` (`host:port`; port 0 picks a free one) to serve the metrics of `activity`, which
    /// [`Server::activity`](crate::flight::server::Server::activity) returns.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the address is not on loopback, [`Error::Io`] if it can't be bound.
    pub async fn bind(address: &str, activity: Arc<Activity>) -> Result<Self> {
        let io = || Error::io("listening for metrics on", address);
        let addresses: Vec<SocketAddr> = lookup_host(address).await.map_err(io())?.collect();
        if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback()) {
            return Err(Error::Misuse(format!(
                "metrics can't listen on {open}: they ask for no credentials, so only loopback is allowed, such as \
                 127.0.0.1:{}",
                open.port()
            )));
        }
        let listener = TcpListener::bind(&addresses[..]).await.map_err(Error::listening("--metrics", address))?;
        let local_addr = listener.local_addr().map_err(io())?;
        Ok(Self { listener, local_addr, activity })
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers requests until the future is dropped.
    pub async fn serve(self) -> Infallible {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await;
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "can't accept a metrics connection");
                    tokio::time::sleep(RETRY_AFTER).await;
                    continue;
                }
            };
            let activity = Arc::clone(&self.activity);
            tokio::spawn(async move {
                let answer = service_fn(|request| {
                    let response = answer(&request, &activity);
                    async { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(REQUEST_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), answer);
                // A client may disconnect at any time.
                let _ = connection.await;
                drop(permit);
            });
        }
    }
}

fn answer<B>(request: &Request<B>, activity: &Activity) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8";
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, PATH) => match activity.to_open_metrics() {
            Ok(text) => (StatusCode::OK, OPEN_METRICS, text),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, plain, format!("{error}\n")),
        },
        (_, PATH) => (StatusCode::METHOD_NOT_ALLOWED, plain, "use GET\n".into()),
        _ => (StatusCode::NOT_FOUND, plain, format!("not found; the metrics are at {PATH}\n")),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
