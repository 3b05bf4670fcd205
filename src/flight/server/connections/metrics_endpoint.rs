//! `/metrics` and `/healthz` over HTTP, for Prometheus and for probes.

use super::accept::accept_connections;
use super::access::Access;
use super::listener::Listener;
use crate::error::Result;
use crate::flight::server::caller::Caller;
use crate::flight::server::limits::Limits;
use crate::flight::server::telemetry::{Activity, Refusal};
use bytes::Bytes;
use futures::StreamExt;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use tonic::transport::server::Connected;

const METRICS: &str = "/metrics";

const HEALTH: &str = "/healthz";

const PLAIN: &str = "text/plain; charset=utf-8";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The only protocol that is negotiated within TLS (ALPN).
const HTTP1: &[u8] = b"http/1.1";

/// Answers `GET /metrics`, as OpenMetrics text, and `GET /healthz` over HTTP/1.1.
#[derive(Debug)]
pub struct MetricsEndpoint {
    listener: Listener,
    activity: Arc<Activity>,
    access: Arc<Access>,
    limits: Limits,
}

impl MetricsEndpoint {
    /// See [`Server::metrics_endpoint`](crate::flight::server::Server::metrics_endpoint).
    pub(in crate::flight::server) async fn bind(
        address: &str,
        activity: Arc<Activity>,
        access: Arc<Access>,
        limits: Limits,
    ) -> Result<Self> {
        let listener = Listener::bind("--metrics", address).await?;
        let is_local = listener.local_addr().is_some_and(|address| address.ip().to_canonical().is_loopback());
        Ok(Self { listener, activity, access: if is_local { Arc::default() } else { access }, limits })
    }

    /// The URL of the metrics, for clients on this machine.
    pub fn url(&self) -> String {
        let scheme = if self.access.has_tls() { "https" } else { "http" };
        let address = self.listener.local_addr().map(|address| address.to_string());
        format!("{scheme}://{}{METRICS}", address.unwrap_or_default())
    }

    /// Answers requests until the future is dropped.
    pub async fn serve(self) {
        let mut connections = pin!(accept_connections(self.listener, Arc::clone(&self.access), self.limits, HTTP1));
        while let Some(Ok(connection)) = connections.next().await {
            let (activity, access) = (Arc::clone(&self.activity), Arc::clone(&self.access));
            let state = connection.connect_info();
            let answer = service_fn(move |request| {
                let _open = state.open_call();
                let response = answer(&request, &activity, &access, &state.peer);
                async { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), answer));
        }
    }
}

fn answer<B>(request: &Request<B>, activity: &Activity, access: &Access, peer: &Arc<str>) -> Response<Full<Bytes>> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        // As for gRPC health, the programs that ask have no token.
        (&Method::GET, HEALTH) if activity.is_serving() => (StatusCode::OK, PLAIN, "SERVING\n".into()),
        (&Method::GET, HEALTH) => (StatusCode::SERVICE_UNAVAILABLE, PLAIN, "NOT_SERVING\n".into()),
        (&Method::GET, METRICS) => {
            let mut caller = Caller::at(peer);
            match access.admit(request.headers().get(AUTHORIZATION), &mut caller) {
                Ok(()) => match activity.to_open_metrics() {
                    Ok(text) => (StatusCode::OK, OPEN_METRICS, text),
                    Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
                },
                Err(status) => {
                    let refusal = Refusal::from(status);
                    activity.metrics.refused(refusal.cause);
                    refusal.log(&caller, METRICS);
                    (StatusCode::UNAUTHORIZED, PLAIN, format!("{}\n", refusal.status.message()))
                }
            }
        }
        (_, METRICS | HEALTH) => (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "use GET\n".into()),
        _ => (StatusCode::NOT_FOUND, PLAIN, format!("not found; there are {METRICS} and {HEALTH}\n")),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Basic realm=\"metrics\""));
    }
    response
}
