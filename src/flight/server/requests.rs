//! Requests, read and looked at before anything is done for them: what a client sends costs no more than its limit.

use crate::error::Error;
use arrow_flight::{Action, Criteria, Empty, FlightDescriptor, Ticket};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use prost::{DecodeError, Message};
use tonic::Status;
use tonic::body::Body;

/// The gRPC prefix of a message: one byte for compression, four for the length.
pub(super) const PREFIX_BYTES: usize = 5;

/// The longest request that is read of most calls: the longest that any of them takes has some 8 kB.
pub(super) const MAX_REQUEST_BYTES: usize = 64 << 10;

/// The longest action: one of Airport's with some 4,000 values to filter by.
const MAX_ACTION_BYTES: usize = 896 << 10;

/// The longest name of an action that is looked up.
const MAX_NAME_BYTES: usize = 100;

/// What a call of FlightService takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call {
    /// A ticket: the wire path answers it.
    DoGet,
    /// An action, which the wire path answers, too: tonic would copy its body.
    DoAction,
    /// One message, which decodes so.
    OfOne(fn(Bytes) -> Result<(), DecodeError>),
    /// Messages as they come.
    OfMany,
}

impl Call {
    /// The call with this name; `None` where FlightService has none.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "DoGet" => Self::DoGet,
            "DoAction" => Self::DoAction,
            "GetFlightInfo" | "GetSchema" | "PollFlightInfo" => Self::OfOne(decodes::<FlightDescriptor>),
            "ListFlights" => Self::OfOne(decodes::<Criteria>),
            "ListActions" => Self::OfOne(decodes::<Empty>),
            "Handshake" | "DoPut" | "DoExchange" => Self::OfMany,
            _ => return None,
        })
    }
}

fn decodes<T: Message + Default>(message: Bytes) -> Result<(), DecodeError> {
    T::decode(message).map(drop)
}

/// The ticket of a request.
pub(super) async fn ticket(body: Body) -> Result<Ticket, Status> {
    let message = one_message(body, MAX_REQUEST_BYTES).await?;
    Ticket::decode(message.slice(PREFIX_BYTES..)).map_err(|error| undecodable("Ticket", &error))
}

/// The action of a request.
pub(super) async fn action(body: Body) -> Result<Action, Status> {
    let message = one_message(body, MAX_ACTION_BYTES).await?;
    let SharedAction { name, body } =
        SharedAction::decode(message.slice(PREFIX_BYTES..)).map_err(|error| undecodable("Action", &error))?;
    match std::str::from_utf8(&name) {
        Ok(name) if name.len() <= MAX_NAME_BYTES => Ok(Action::new(name, body)),
        _ => Err(Status::invalid_argument(format!(
            "the action's type has {} bytes; it must be UTF-8 of at most {MAX_NAME_BYTES}",
            name.len()
        ))),
    }
}

/// An [`Action`] that shares its bytes with the message that it came in: a name of a megabyte is not copied.
#[derive(Clone, PartialEq, Message)]
struct SharedAction {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    body: Bytes,
}

/// The message of a request, with its prefix, once `decode` has read it.
pub(super) async fn checked(body: Body, decode: fn(Bytes) -> Result<(), DecodeError>) -> Result<Bytes, Status> {
    let message = one_message(body, MAX_REQUEST_BYTES).await?;
    decode(message.slice(PREFIX_BYTES..)).map_err(|error| undecodable("message of this call", &error))?;
    Ok(message)
}

/// Reads the one message of a request, with its prefix. What claims to be longer than `limit` is not waited for.
async fn one_message(mut body: Body, limit: usize) -> Result<Bytes, Status> {
    let not_one = || Status::invalid_argument("the request is not one gRPC message");
    let mut message = BytesMut::new();
    let mut expected = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::invalid_argument(format!("reading the request: {error}")))?;
        let Ok(data) = frame.into_data() else { break };
        message.extend_from_slice(&data);
        if expected.is_none() {
            expected = length(&message, limit)?;
            message.reserve(expected.map_or(0, |expected| expected.saturating_sub(message.len())));
        }
        if expected.is_some_and(|expected| message.len() > expected) {
            return Err(not_one());
        }
    }
    if expected == Some(message.len()) { Ok(message.freeze()) } else { Err(not_one()) }
}

/// How long a request that begins with `bytes` is, prefix included; `None` where they don't tell yet.
fn length(bytes: &[u8], limit: usize) -> Result<Option<usize>, Status> {
    match bytes.get(..PREFIX_BYTES) {
        None => Ok(None),
        Some(&[0, a, b, c, d]) => match u32::from_be_bytes([a, b, c, d]) as usize {
            length if length <= limit => Ok(Some(PREFIX_BYTES + length)),
            length => Err(Error::Limit(format!("the request has {length} bytes; at most {limit} are read")).into()),
        },
        Some(_) => Err(Status::unimplemented("compressed requests are not read; send them plain")),
    }
}

/// A message of the wrong make: tonic would call that an error of the server's.
fn undecodable(message: &str, error: &DecodeError) -> Status {
    Status::invalid_argument(format!("the request is no {message}: {error}"))
}
