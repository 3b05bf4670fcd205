//! A channel whose answers are answers of gRPC.

use super::fault::{Fault, FaultCell};
use crate::flight::location::Location;
use http::header::CONTENT_TYPE;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Error};
use tower_service::Service;

/// A channel to one server. Answers of another program, such as the page of a proxy, are faults of the connection.
/// tonic would read them as messages.
#[derive(Debug, Clone)]
pub(in crate::flight::client) struct GrpcChannel {
    channel: Channel,
    location: Location,
    fault: FaultCell,
}

impl GrpcChannel {
    /// Leaves faults of answers from `location` in `fault`.
    pub(super) fn new(channel: Channel, location: Location, fault: FaultCell) -> Self {
        Self { channel, location, fault }
    }
}

impl Service<http::Request<Body>> for GrpcChannel {
    type Response = http::Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (answer, location, fault) = (self.channel.call(request), self.location.clone(), self.fault.clone());
        Box::pin(async move {
            let answer = answer.await?;
            if is_grpc(&answer) {
                return Ok(answer);
            }
            fault.set(Some(Fault::of_answer(&location, &answer)));
            Ok(Status::unknown("the answer is none of gRPC").into_http())
        })
    }
}

fn is_grpc<B>(answer: &http::Response<B>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    let is_grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    answer.headers().contains_key(Status::GRPC_STATUS) || (is_grpc && answer.status().is_success())
}
