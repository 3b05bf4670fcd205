//! Admission of calls: limits of connections and headers, tokens, and deadlines for requests.

use super::access::Access;
use super::state::{ConnectionState, OpenCall};
use crate::error::Error;
use crate::flight::server::caller::Caller;
use crate::flight::server::limits::Limits;
use crate::flight::server::telemetry::{Activity, Cause, Refusal};
use http::header::AUTHORIZATION;
use http_body::{Body as HttpBody, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

/// Bytes that HTTP/2 counts for a header beside its name and value (RFC 9113, 6.5.2).
const HEADER_OVERHEAD_BYTES: usize = 32;

/// Health checks need no token: the programs that make them have none.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Adds [`Admission`] before a service.
#[derive(Debug, Clone)]
pub(in crate::flight::server) struct AdmissionLayer {
    pub access: Arc<Access>,
    pub limits: Limits,
    pub activity: Arc<Activity>,
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, service: S) -> Admission<S> {
        Admission { rules: self.clone(), service }
    }
}

/// Admits or refuses each call before the service sees it.
#[derive(Debug, Clone)]
pub(in crate::flight::server) struct Admission<S> {
    rules: AdmissionLayer,
    service: S,
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<http::Response<Body>, E>> + Send>>;

impl<S> Service<http::Request<Body>> for Admission<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering<Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let connection = request.extensions().get::<Arc<ConnectionState>>().cloned();
        let call = connection.as_ref().map(ConnectionState::open_call);
        let peer = connection.as_ref().map(|connection| &connection.peer);
        let mut caller = peer.map_or_else(Caller::default, Caller::at);
        match self.rules.admit(&request, connection.as_deref(), &mut caller) {
            Err(refusal) => {
                self.rules.activity.metrics.refused(refusal.cause);
                refusal.log(&caller, request.uri().path());
                Box::pin(async move { Ok(refusal.status.into_http().map(|body| tracked(body, call))) })
            }
            Ok(()) => {
                request.extensions_mut().insert(caller);
                let deadline = Box::pin(sleep(self.rules.limits.handshake));
                let answer = self.service.call(request.map(|body| Body::new(TimedRequest { body, deadline })));
                Box::pin(async move { Ok(answer.await?.map(|body| tracked(body, call))) })
            }
        }
    }
}

impl AdmissionLayer {
    /// Checks the limits and the token of a call, and gives `caller` its name and token.
    fn admit(
        &self,
        request: &http::Request<Body>,
        connection: Option<&ConnectionState>,
        caller: &mut Caller,
    ) -> Result<(), Refusal> {
        if connection.is_some_and(|connection| connection.is_refused) {
            let most = self.limits.connections;
            let refusal = format!("{most} connections are open; --max-connections allows no more. Try again later");
            return Err(Refusal::new(Cause::Connections, Error::Limit(refusal)));
        }
        let bytes = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            name.as_str().len() + value.len() + HEADER_OVERHEAD_BYTES
        };
        let header_bytes: usize = request.headers().iter().map(bytes).sum();
        if header_bytes > self.limits.header_bytes as usize {
            let most = self.limits.header_bytes;
            let refusal = format!("the call has {header_bytes} bytes of headers; --max-header-bytes allows {most}");
            return Err(Refusal::new(Cause::TooLarge, Error::Limit(refusal)));
        }
        if !request.uri().path().starts_with(HEALTH) {
            self.access.admit(request.headers().get(AUTHORIZATION), caller)?;
        }
        Ok(())
    }
}

/// Wraps an answer so that its connection knows whether the client or the server is waiting.
fn tracked(body: Body, call: Option<OpenCall>) -> Body {
    match call {
        Some(call) => {
            // The client has the head of the answer to read.
            call.wait_for_client();
            Body::new(TrackedBody { body, call })
        }
        None => body,
    }
}

struct TrackedBody {
    body: Body,
    call: OpenCall,
}

impl HttpBody for TrackedBody {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<bytes::Bytes>, Status>>> {
        self.call.wait_for_server();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.call.wait_for_client();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// A request that must be complete by its deadline.
struct TimedRequest {
    body: Body,
    deadline: Pin<Box<Sleep>>,
}

impl HttpBody for TimedRequest {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<bytes::Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending() && self.deadline.as_mut().poll(cx).is_ready() {
            let late = "the request was not complete within --handshake-timeout";
            return Poll::Ready(Some(Err(Status::deadline_exceeded(late))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
