//! The service on the wire: DoGet's and DoAction's answers as [`super::wire`] makes them. All other calls go through tonic
//! as usual, once their request has been looked at.

use super::actions;
use super::caller::Caller;
use super::pool::Panicked;
use super::refusal::Refusal;
use super::requests::{self, Call};
use super::service::Service;
use super::wire::Message;
use crate::error::Error;
use arrow_flight::flight_service_server::FlightServiceServer;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::stream::{self, Stream};
use http::request::Parts;
use http_body::{Body as HttpBody, Frame};
use http_body_util::Full;
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

/// The body of DoGet's answer: each message as a data frame, or two, then the status as trailers.
struct WireBody<S> {
    messages: Option<Pin<Box<S>>>,
    /// The rest of the last message.
    rest: Bytes,
}

impl<S: Stream<Item = Result<Message, Status>>> HttpBody for WireBody<S> {
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

/// Answers DoGet and DoAction itself and leaves the other calls to tonic.
#[derive(Debug, Clone)]
pub(super) struct WireService {
    service: Service,
    others: FlightServiceServer<Service>,
}

impl WireService {
    pub fn new(service: Service) -> Self {
        let others =
            FlightServiceServer::new(service.clone()).max_decoding_message_size(service.limits().request_bytes);
        Self { others, service }
    }
}

impl NamedService for WireService {
    const NAME: &'static str = FlightServiceServer::<Service>::NAME;
}

impl TowerService<http::Request<Body>> for WireService {
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
            // A panic would end the connection, and with it the other streams on it.
            let answer = AssertUnwindSafe(service.answer(&name, &caller, head, body)).catch_unwind().await;
            Ok(answer.unwrap_or_else(|panic| Err(panicked(&*panic))).unwrap_or_else(|refusal| {
                service.service.refused(&refusal);
                refusal.log(&caller, &name);
                refusal.status.into_http()
            }))
        })
    }
}

impl WireService {
    async fn answer(&mut self, name: &str, caller: &Caller, head: Parts, body: Body) -> Answer {
        let unknown = || {
            let name: String = name.chars().take(100).collect();
            Status::unimplemented(format!("FlightService has no call {name:?}"))
        };
        let call = Call::from_name(name).ok_or_else(unknown)?;
        let limits = *self.service.limits();
        match call {
            Call::OfMany => self.by_tonic(http::Request::from_parts(head, body)).await,
            Call::OfOne(decode) => {
                let message = Body::new(Full::new(requests::checked(body, limits.request_bytes, decode).await?));
                self.by_tonic(http::Request::from_parts(head, message)).await
            }
            Call::DoAction => {
                let result =
                    self.service.act(&requests::action(body, limits.action_bytes, actions::takes_begin).await?)?;
                Ok(response(stream::iter([Message::of(&result).map_err(Status::from)])))
            }
            Call::DoGet => {
                let asked = Instant::now();
                let ticket = requests::ticket(body, limits.request_bytes).await?;
                Ok(response(self.service.messages(&ticket, caller.clone(), asked)?))
            }
        }
    }

    async fn by_tonic(&mut self, request: http::Request<Body>) -> Answer {
        let response = self.others.call(request).await.unwrap_or_else(|never| match never {});
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
    Status::from(Error::Internal("answering the call panicked; the server's log has more".into())).into()
}

fn response(messages: impl Stream<Item = Result<Message, Status>> + Send + 'static) -> http::Response<Body> {
    let body = WireBody { messages: Some(Box::pin(messages)), rest: Bytes::new() };
    let mut response = http::Response::new(Body::new(body));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
    response
}
