//! FlightService on the wire: DoGet and DoAction are answered here, without tonic's copies. The other calls go through
//! tonic once their requests are checked.

use super::actions;
use super::flight_service::FlightCalls;
use super::requests::{self, Call};
use crate::error::Error;
use crate::flight::server::caller::Caller;
use crate::flight::server::streams::{Message, Panicked};
use crate::flight::server::telemetry::Refusal;
use arrow_flight::flight_service_server::FlightServiceServer;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::stream::{self, Stream};
use http::request::Parts;
use http_body::{Body as HttpBody, Frame};
use std::any::Any;
use std::convert::Infallible;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower_service::Service as TowerService;

/// The body of an answer: each message as one or two data frames, then the status as trailers.
struct AnswerBody<S> {
    messages: Option<Pin<Box<S>>>,
    /// The second piece of the last message.
    rest: Bytes,
}

impl<S: Stream<Item = Result<Message, Status>>> HttpBody for AnswerBody<S> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut self.rest)))));
        }
        let Some(messages) = &mut self.messages else { return Poll::Ready(None) };
        let status = match std::task::ready!(messages.as_mut().poll_next(cx)) {
            Some(Ok(message)) => {
                let [bytes, rest] = message.into_pieces();
                self.rest = rest;
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Some(Err(status)) => status,
            None => Status::new(Code::Ok, ""),
        };
        self.messages = None;
        let mut trailers = http::HeaderMap::new();
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }
}

/// Answers DoGet and DoAction itself, and leaves the other calls to tonic.
#[derive(Debug, Clone)]
pub(in crate::flight::server) struct GrpcService {
    calls: FlightCalls,
    tonic: FlightServiceServer<FlightCalls>,
}

impl GrpcService {
    pub fn new(calls: FlightCalls) -> Self {
        let tonic = FlightServiceServer::new(calls.clone()).max_decoding_message_size(calls.limits.request_bytes);
        Self { calls, tonic }
    }
}

impl NamedService for GrpcService {
    const NAME: &'static str = FlightServiceServer::<FlightCalls>::NAME;
}

impl TowerService<http::Request<Body>> for GrpcService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let name = request.uri().path().strip_prefix('/').and_then(|path| path.strip_prefix(Self::NAME));
        let name = name.and_then(|name| name.strip_prefix('/')).unwrap_or_default().to_string();
        let mut service = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let caller = Caller::of(&head);
            // An uncaught panic would end the connection with all its streams.
            let answer = AssertUnwindSafe(service.answer(&name, &caller, head, body)).catch_unwind().await;
            Ok(answer.unwrap_or_else(|panic| Err(panicked(&*panic))).unwrap_or_else(|refusal| {
                service.calls.activity.metrics.refused(refusal.cause);
                refusal.log(&caller, &name);
                refusal.status.into_http()
            }))
        })
    }
}

impl GrpcService {
    async fn answer(&mut self, name: &str, caller: &Caller, head: Parts, body: Body) -> Answer {
        let unknown = || {
            let name: String = name.chars().take(100).collect();
            Status::unimplemented(format!("FlightService has no call {name:?}"))
        };
        let call = Call::from_name(name).ok_or_else(unknown)?;
        let limits = self.calls.limits;
        match call {
            Call::Streaming => self.through_tonic(http::Request::from_parts(head, body)).await,
            Call::Unary(decode) => {
                let body = requests::checked(body, limits.request_bytes, decode).await?;
                self.through_tonic(http::Request::from_parts(head, body)).await
            }
            Call::DoAction => {
                let result =
                    self.calls.act(&requests::action(body, limits.action_bytes, actions::takes_prefix).await?)?;
                Ok(response(stream::iter([Message::of(&result).map_err(Status::from)])))
            }
            Call::DoGet => {
                let asked = Instant::now();
                let ticket = requests::ticket(body, limits.request_bytes).await?;
                Ok(response(self.calls.do_get_messages(&ticket, caller.clone(), asked)?))
            }
        }
    }

    async fn through_tonic(&mut self, request: http::Request<Body>) -> Answer {
        let response = self.tonic.call(request).await.unwrap_or_else(|never| match never {});
        match response.extensions().get::<Status>() {
            Some(status) => Err(status.clone().into()),
            None => Ok(response),
        }
    }
}

type Answer = Result<http::Response<Body>, Refusal>;

fn panicked(panic: &(dyn Any + Send)) -> Refusal {
    let Panicked(panic) = Panicked::with(panic);
    tracing::error!(panic, "answering a call panicked");
    Status::from(Error::Internal("answering the call panicked; the server's log has the details".into())).into()
}

fn response(messages: impl Stream<Item = Result<Message, Status>> + Send + 'static) -> http::Response<Body> {
    let body = AnswerBody { messages: Some(Box::pin(messages)), rest: Bytes::new() };
    let mut response = http::Response::new(Body::new(body));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
    response
}
