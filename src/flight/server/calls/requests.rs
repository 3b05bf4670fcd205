//! Reads and checks requests before any work is done for them.

use crate::error::Error;
use crate::flight::grpc::{PREFIX_BYTES, RequestMessages};
use arrow_flight::{Action, Criteria, Empty, FlightDescriptor, Ticket};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::Full;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost::{DecodeError, Message};
use tonic::Status;
use tonic::body::Body;

/// The option that limits actions.
const MAX_ACTION: &str = "--max-action-bytes";

/// The longest action whose first bytes are kept: an Airport request that filters by about 80,000 values.
const MAX_SKIPPED_BYTES: usize = 16 << 20;

/// The longest allowed name of an action.
const MAX_NAME_BYTES: usize = 100;

/// The request of a call of FlightService.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call {
    /// One ticket.
    DoGet,
    /// One action. tonic would copy its body.
    DoAction,
    /// One message, which this function decodes.
    Unary(fn(Bytes) -> Result<(), DecodeError>),
    /// A stream of messages.
    Streaming,
}

impl Call {
    /// Returns the call with this name, or `None` if FlightService has no such call.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "DoGet" => Self::DoGet,
            "DoAction" => Self::DoAction,
            "GetFlightInfo" | "GetSchema" | "PollFlightInfo" => Self::Unary(decodes::<FlightDescriptor>),
            "ListFlights" => Self::Unary(decodes::<Criteria>),
            "ListActions" => Self::Unary(decodes::<Empty>),
            "Handshake" | "DoPut" | "DoExchange" => Self::Streaming,
            _ => return None,
        })
    }
}

fn decodes<T: Message + Default>(message: Bytes) -> Result<(), DecodeError> {
    T::decode(message).map(drop)
}

/// Returns the body of a request with one message.
pub(in crate::flight::server) fn body_of(message: &[u8]) -> Body {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    // A message longer than 4 GiB is over every limit, whatever its prefix says.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    Body::new(Full::new(framed.freeze()))
}

/// Reads the ticket of a request.
pub(super) async fn ticket(body: Body, limit: usize) -> Result<Ticket, Status> {
    let message = one_message(body, limit).await?;
    Ticket::decode(message).map_err(|error| undecodable("Ticket", &error))
}

/// An action, or the first bytes of a long one.
#[derive(Debug)]
pub(in crate::flight::server) struct Received {
    pub action: Action,
    /// Whether the body is complete.
    pub is_whole: bool,
}

/// Reads the action of a request, and keeps at most `limit` bytes of it. For a longer action, `takes_prefix` tells from
/// its name and the first bytes of its body whether these are enough.
pub(in crate::flight::server) async fn action(
    body: Body,
    limit: usize,
    takes_prefix: impl Fn(&str, &[u8]) -> bool,
) -> Result<Received, Status> {
    let mut messages = RequestMessages::new(body, MAX_SKIPPED_BYTES.max(limit), MAX_ACTION);
    let (message, length) = first(&mut messages, limit).await?;
    let is_whole = message.len() == length;
    let too_long = || Error::Limit(format!("the request has {length} bytes; {MAX_ACTION} allows {limit}"));
    let shared = match is_whole {
        true => SharedAction::decode(message).map_err(|error| undecodable("Action", &error))?,
        false => SharedAction::of_prefix(message).ok_or_else(too_long)?,
    };
    let name = std::str::from_utf8(&shared.name).ok().filter(|name| name.len() <= MAX_NAME_BYTES).ok_or_else(|| {
        Status::invalid_argument(format!(
            "the action's type has {} bytes; it must be UTF-8 of at most {MAX_NAME_BYTES}",
            shared.name.len()
        ))
    })?;
    if !is_whole && !takes_prefix(name, &shared.body) {
        return Err(too_long().into());
    }
    end(messages).await?;
    Ok(Received { action: Action::new(name, shared.body), is_whole })
}

/// An [`Action`] that shares the bytes of its message, so a name of a megabyte is not copied.
#[derive(Clone, PartialEq, Message)]
struct SharedAction {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    body: Bytes,
}

impl SharedAction {
    /// Reads a message that is cut off within its body. Returns `None` if it does not begin with a name and a body.
    fn of_prefix(mut message: Bytes) -> Option<Self> {
        let mut field = |tag| {
            let (found, wire) = decode_key(&mut message).ok()?;
            let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
            let is_it = found == tag && wire == WireType::LengthDelimited;
            is_it.then(|| message.split_to(length.min(message.len())))
        };
        Some(Self { name: field(1)?, body: field(2)? })
    }
}

/// Reads the one message of a request, and checks that `decode` can read it.
pub(super) async fn checked(
    body: Body,
    limit: usize,
    decode: fn(Bytes) -> Result<(), DecodeError>,
) -> Result<Body, Status> {
    let message = one_message(body, limit).await?;
    decode(message.clone()).map_err(|error| undecodable("message of this call", &error))?;
    Ok(body_of(&message))
}

/// Reads the one message of a request.
async fn one_message(body: Body, limit: usize) -> Result<Bytes, Status> {
    let mut messages = RequestMessages::new(body, limit, "--max-request-bytes");
    let (message, _) = first(&mut messages, limit).await?;
    end(messages).await?;
    Ok(message)
}

/// Reads at most `kept` bytes of the first message. Returns them, and the length of the message.
async fn first(messages: &mut RequestMessages, kept: usize) -> Result<(Bytes, usize), Status> {
    let (message, length) = messages.next(kept).await?.ok_or_else(not_one)?;
    match message.first() {
        Some(0) => Ok((message.slice(PREFIX_BYTES..), length)),
        _ => Err(Status::invalid_argument("the request is compressed; send its encoding as grpc-encoding")),
    }
}

/// Reads and discards the rest of a request, in which no message may follow.
async fn end(mut messages: RequestMessages) -> Result<(), Status> {
    messages.next(0).await?.map_or(Ok(()), |_| Err(not_one()))
}

fn not_one() -> Status {
    Status::invalid_argument("the request is not one gRPC message")
}

/// The status of a message that can't be decoded. tonic would call it an error of the server.
fn undecodable(message: &str, error: &DecodeError) -> Status {
    Status::invalid_argument(format!("the request can't be decoded as a {message}: {error}"))
}
