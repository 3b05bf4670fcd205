//! What every call passes: limits of the connection and of headers, tokens, and the watch over its answer.

use super::Activity;
use super::access::Access;
use super::caller::Caller;
use super::limits::Limits;
use super::link::{Link, OpenCall};
use super::refusal::{Cause, Refusal};
use crate::error::Error;
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

/// What a header counts beside its name and value, as HTTP/2 has it (RFC 9113, 6.5.2).
const HEADER_OVERHEAD_BYTES: usize = 32;

/// Calls that need no token: whoever looks whether a server lives has none.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Puts the gate before all services.
#[derive(Debug, Clone)]
pub(super) struct GateLayer {
    pub access: Arc<Access>,
    pub limits: Limits,
    pub activity: Arc<Activity>,
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, service: S) -> Gate<S> {
        Gate { rules: self.clone(), service }
    }
}

/// The gate before a service.
#[derive(Debug, Clone)]
pub(super) struct Gate<S> {
    rules: GateLayer,
    service: S,
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<http::Response<Body>, E>> + Send>>;

impl<S> Service<http::Request<Body>> for Gate<S>
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
        let link = request.extensions().get::<Arc<Link>>().cloned();
        let call = link.as_ref().map(Link::call);
        let mut caller = link.as_deref().map_or_else(Caller::default, Caller::at);
        match self.rules.admit(&request, link.as_deref(), &mut caller) {
            Err(refusal) => {
                self.rules.activity.metrics.refused(refusal.cause);
                refusal.log(&caller, request.uri().path());
                Box::pin(async move { Ok(refusal.status.into_http().map(|body| watched(body, call))) })
            }
            Ok(()) => {
                request.extensions_mut().insert(caller);
                let deadline = Box::pin(sleep(self.rules.limits.handshake));
                let answer = self.service.call(request.map(|body| Body::new(Timely { body, deadline })));
                Box::pin(async move { Ok(answer.await?.map(|body| watched(body, call))) })
            }
        }
    }
}

impl GateLayer {
    /// Whether the call may go on; `caller` then has the name and the token that it came with.
    fn admit(&self, request: &http::Request<Body>, link: Option<&Link>, caller: &mut Caller) -> Result<(), Refusal> {
        if link.is_some_and(|link| link.is_refused) {
            let most = self.limits.connections;
            let refusal = format!("{most} connections are open, as many as --max-connections allows: try again later");
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

/// `body`, of which the link knows whose turn it is.
fn watched(body: Body, call: Option<OpenCall>) -> Body {
    match call {
        Some(call) => {
            // Until it is asked for more, the client has not taken what there is.
            call.is_sent();
            Body::new(Watched { body, call })
        }
        None => body,
    }
}

struct Watched {
    body: Body,
    call: OpenCall,
}

impl HttpBody for Watched {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<bytes::Bytes>, Status>>> {
        self.call.is_awaited();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.call.is_sent();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// A request that must have come whole by its deadline.
struct Timely {
    body: Body,
    deadline: Pin<Box<Sleep>>,
}

impl HttpBody for Timely {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<bytes::Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending() && self.deadline.as_mut().poll(cx).is_ready() {
            let late = "the request did not come whole within --handshake-timeout";
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
