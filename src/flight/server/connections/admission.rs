//! Admission of calls: their form, limits of connections and headers, tokens, and deadlines.

use super::access::Access;
use super::state::{ConnectionState, OpenCall};
use crate::error::Error;
use crate::flight::grpc::{deadline, gzip, unknown_method};
use crate::flight::server::caller::Caller;
use crate::flight::server::limits::Limits;
use crate::flight::server::telemetry::{Activity, Cause, Refusal};
use futures::future::Either;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt as _, Limited};
use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Context, Poll};
use std::time::Duration;
use tokio::time::sleep;
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
        let connection = connection.unwrap_or_else(|| ConnectionState::new("-", false));
        let (call, mut caller) = (connection.open_call(), Caller::at(&connection.peer));
        let uri = request.uri().clone();
        // `admit` refuses a malformed one.
        let deadline = deadline::of(request.headers()).unwrap_or_default();
        let answer = match self.rules.admit(&mut request, &connection, &mut caller) {
            Err(refusal) => {
                self.rules.activity.metrics.refused(refusal.cause);
                refusal.log(&caller, request.uri().path());
                let mut answer = refusal.status.into_http();
                *answer.status_mut() = http_status(&request);
                if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
                    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
                }
                let unread = (answer.status() != StatusCode::OK).then(|| {
                    let body = timed(mem::take(request.body_mut()), self.rules.limits.handshake);
                    Limited::new(body, self.rules.limits.request_bytes)
                });
                Either::Left(async {
                    // Some HTTP clients, such as curl, lose an answer that comes before they have sent their request.
                    if let Some(body) = unread {
                        let _ = body.collect().await;
                    }
                    Ok(answer)
                })
            }
            Ok(()) => {
                request.extensions_mut().insert(caller);
                Either::Right(self.service.call(request))
            }
        };
        Box::pin(async move {
            let mut answer = deadline::limit(deadline, answer).await?;
            unknown_method::name(&mut answer, uri.path());
            answer.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static(gzip::ACCEPTED));
            Ok(answer.map(|body| tracked(body, call)))
        })
    }
}

impl AdmissionLayer {
    /// Checks the form, the limits and the token of a call, and gives `caller` its name and token. Then the body of the
    /// request must arrive in time, and is decompressed.
    fn admit(
        &self,
        request: &mut http::Request<Body>,
        connection: &ConnectionState,
        caller: &mut Caller,
    ) -> Result<(), Refusal> {
        if connection.is_refused {
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
        if http_status(request) != StatusCode::OK {
            let form = "this is a gRPC server: a request must be a POST with the content type application/grpc";
            return Err(Status::unimplemented(form).into());
        }
        deadline::of(request.headers())?;
        if !request.uri().path().starts_with(HEALTH) {
            self.access.admit(request.headers().get(AUTHORIZATION), caller)?;
        }
        let body = timed(mem::take(request.body_mut()), self.limits.handshake);
        *request.body_mut() = match (gzip::is_used(request.headers_mut())?, request.uri().path().ends_with("/DoAction"))
        {
            (false, _) => body,
            (true, false) => gzip::decompressed(body, self.limits.request_bytes, "--max-request-bytes"),
            (true, true) => gzip::decompressed(body, self.limits.action_bytes, "--max-action-bytes"),
        };
        Ok(())
    }
}

/// Returns the HTTP status of the answer to `request`: OK if it has the method and the content type of gRPC.
fn http_status<B>(request: &http::Request<B>) -> StatusCode {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match *request.method() {
        Method::POST if ["application/grpc", "application/grpc+proto"].contains(&kind) => StatusCode::OK,
        Method::POST => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => StatusCode::METHOD_NOT_ALLOWED,
    }
}

/// Wraps an answer so that its connection knows whether the client or the server is waiting.
fn tracked(body: Body, call: OpenCall) -> Body {
    // The client has the head of the answer to read.
    call.wait_for_client();
    let poll = move |body: Pin<&mut Body>, cx: &mut Context<'_>| {
        call.wait_for_server();
        let frame = task::ready!(body.poll_frame(cx));
        call.wait_for_client();
        Poll::Ready(frame)
    };
    Body::new(PolledBody { body, poll })
}

/// Wraps a request so that it must be complete within `limit`.
fn timed(body: Body, limit: Duration) -> Body {
    let mut deadline = Box::pin(sleep(limit));
    let poll = move |body: Pin<&mut Body>, cx: &mut Context<'_>| {
        let frame = body.poll_frame(cx);
        if frame.is_pending() && deadline.as_mut().poll(cx).is_ready() {
            let late = "the request was not complete within --handshake-timeout";
            return Poll::Ready(Some(Err(Status::deadline_exceeded(late))));
        }
        frame
    };
    Body::new(PolledBody { body, poll })
}

/// A body that `poll` polls.
struct PolledBody<P> {
    body: Body,
    poll: P,
}

type FramePoll = Poll<Option<Result<Frame<bytes::Bytes>, Status>>>;

impl<P: FnMut(Pin<&mut Body>, &mut Context<'_>) -> FramePoll + Unpin> HttpBody for PolledBody<P> {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll {
        let Self { body, poll } = &mut *self;
        poll(Pin::new(body), cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
