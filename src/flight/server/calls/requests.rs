//! Reads and checks requests before any work is done for them. Reading a request takes no more memory than its limit.

use crate::error::Error;
use crate::flight::server::streams::PREFIX_BYTES;
use arrow_flight::{Action, Criteria, Empty, FlightDescriptor, Ticket};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use prost::encoding::{WireType, decode_key, decode_varint};
use prost::{DecodeError, Message};
use tonic::body::Body;
use tonic::{Code, Status};

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
    Ticket::decode(message.slice(PREFIX_BYTES..)).map_err(|error| undecodable("Ticket", &error))
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
    mut body: Body,
    limit: usize,
    takes_prefix: impl Fn(&str, &[u8]) -> bool,
) -> Result<Received, Status> {
    let (message, length, left) = head(&mut body, limit, MAX_SKIPPED_BYTES.max(limit), MAX_ACTION).await?;
    let (bytes, is_whole) = (message.slice(PREFIX_BYTES..), message.len() == length);
    let too_long = || too_long(length - PREFIX_BYTES, MAX_ACTION, limit);
    let shared = match is_whole {
        true => SharedAction::decode(bytes).map_err(|error| undecodable("Action", &error))?,
        false => SharedAction::of_prefix(bytes).ok_or_else(too_long)?,
    };
    let name = std::str::from_utf8(&shared.name).ok().filter(|name| name.len() <= MAX_NAME_BYTES).ok_or_else(|| {
        Status::invalid_argument(format!(
            "the action's type has {} bytes; it must be UTF-8 of at most {MAX_NAME_BYTES}",
            shared.name.len()
        ))
    })?;
    if !is_whole && !takes_prefix(name, &shared.body) {
        return Err(too_long());
    }
    skip(body, left).await?;
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

/// Reads the message of a request, with its prefix, and checks that `decode` can read it.
pub(super) async fn checked(
    body: Body,
    limit: usize,
    decode: fn(Bytes) -> Result<(), DecodeError>,
) -> Result<Bytes, Status> {
    let message = one_message(body, limit).await?;
    decode(message.slice(PREFIX_BYTES..)).map_err(|error| undecodable("message of this call", &error))?;
    Ok(message)
}

/// Reads the one message of a request, with its prefix. A message that claims to be longer than `limit` is refused at
/// once.
async fn one_message(mut body: Body, limit: usize) -> Result<Bytes, Status> {
    let (message, _, left) = head(&mut body, limit, limit, "--max-request-bytes").await?;
    skip(body, left).await?;
    Ok(message)
}

/// Reads the prefix of a message and at most `kept` bytes after it. Returns them, the length of the message with its prefix,
/// and how many of its bytes were not received yet. A message that claims to be longer than `most`, the limit of the option `name`, is refused at once.
async fn head(body: &mut Body, kept: usize, most: usize, name: &str) -> Result<(Bytes, usize, usize), Status> {
    let mut message = BytesMut::new();
    let mut received = 0;
    loop {
        let data = next(body).await?.ok_or_else(not_one)?;
        received += data.len();
        // Never more than fits: growing the buffer would take three times the memory.
        let room = message.capacity() - message.len();
        let is_begun = message.len() >= PREFIX_BYTES;
        message.extend_from_slice(if is_begun { &data[..data.len().min(room)] } else { &data });
        let Some(expected) = length(&message, most, name)? else { continue };
        let wanted = expected.min(PREFIX_BYTES + kept);
        if received > expected {
            return Err(not_one());
        }
        if message.len() >= wanted {
            message.truncate(wanted);
            return Ok((message.freeze(), expected, expected - received));
        }
        message.reserve(wanted - message.len());
    }
}

/// Reads and discards the last `left` bytes of a request.
async fn skip(mut body: Body, mut left: usize) -> Result<(), Status> {
    while let Some(data) = next(&mut body).await? {
        left = left.checked_sub(data.len()).ok_or_else(not_one)?;
    }
    if left == 0 { Ok(()) } else { Err(not_one()) }
}

/// Returns the next bytes of a request, or `None` at its end.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Status> {
    match body.frame().await {
        None => Ok(None),
        Some(Ok(frame)) => Ok(frame.into_data().ok()),
        // Admission has ended the request.
        Some(Err(status)) if [Code::DeadlineExceeded, Code::ResourceExhausted].contains(&status.code()) => Err(status),
        Some(Err(error)) => Err(Status::invalid_argument(format!("reading the request: {error}"))),
    }
}

fn not_one() -> Status {
    Status::invalid_argument("the request is not one gRPC message")
}

fn too_long(length: usize, name: &str, limit: usize) -> Status {
    Error::Limit(format!("the request has {length} bytes; {name} allows {limit}")).into()
}

/// Returns the length of a request from its first bytes, prefix included, or `None` if more bytes are needed.
fn length(bytes: &[u8], limit: usize, name: &str) -> Result<Option<usize>, Status> {
    match bytes.get(..PREFIX_BYTES) {
        None => Ok(None),
        Some(&[0, a, b, c, d]) => match u32::from_be_bytes([a, b, c, d]) as usize {
            length if length <= limit => Ok(Some(PREFIX_BYTES + length)),
            length => Err(too_long(length, name, limit)),
        },
        Some(_) => Err(Status::invalid_argument("the request is compressed; send its encoding as grpc-encoding")),
    }
}

/// The status of a message that can't be decoded. tonic would call it an error of the server.
fn undecodable(message: &str, error: &DecodeError) -> Status {
    Status::invalid_argument(format!("the request can't be decoded as a {message}: {error}"))
}
