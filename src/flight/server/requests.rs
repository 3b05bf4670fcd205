//! Requests, read and looked at before anything is done for them: what a client sends costs no more than its limit.

use crate::error::Error;
use arrow_flight::{Action, Criteria, Empty, FlightDescriptor, Ticket};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use prost::encoding::{WireType, decode_key, decode_varint};
use prost::{DecodeError, Message};
use tonic::body::Body;
use tonic::{Code, Status};

/// The gRPC prefix of a message: one byte for compression, four for the length.
pub(super) const PREFIX_BYTES: usize = 5;

/// The limit of actions, as those who set it know it.
const MAX_ACTION: &str = "--max-action-bytes";

/// The longest action of which the begin is kept: one with some 80,000 values.
const MAX_SKIPPED_BYTES: usize = 16 << 20;

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

/// The request whose one message is `message`.
pub(super) fn body_of(message: &[u8]) -> Body {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    // One that is longer than a prefix can say is over every limit, whatever the prefix says.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    Body::new(Full::new(framed.freeze()))
}

/// The ticket of a request.
pub(super) async fn ticket(body: Body, limit: usize) -> Result<Ticket, Status> {
    let message = one_message(body, limit).await?;
    Ticket::decode(message.slice(PREFIX_BYTES..)).map_err(|error| undecodable("Ticket", &error))
}

/// An action, as far as it was read.
#[derive(Debug)]
pub(super) struct Received {
    pub action: Action,
    /// Whether the body is all of it, and not the begin of one that is longer than is kept.
    pub is_whole: bool,
}

/// The action of a request, of which `limit` bytes are kept. Of one that is longer, `takes_begin` says by its name and
/// its begin whether that will do.
pub(super) async fn action(
    mut body: Body,
    limit: usize,
    takes_begin: impl Fn(&str, &[u8]) -> bool,
) -> Result<Received, Status> {
    let (message, left) = head(&mut body, limit, MAX_SKIPPED_BYTES.max(limit), MAX_ACTION).await?;
    let bytes = message.slice(PREFIX_BYTES..);
    let shared = match left {
        0 => SharedAction::decode(bytes).map_err(|error| undecodable("Action", &error))?,
        _ => SharedAction::of_begin(bytes).ok_or_else(|| too_long(message.len() + left, MAX_ACTION, limit))?,
    };
    let name = std::str::from_utf8(&shared.name).ok().filter(|name| name.len() <= MAX_NAME_BYTES).ok_or_else(|| {
        Status::invalid_argument(format!(
            "the action's type has {} bytes; it must be UTF-8 of at most {MAX_NAME_BYTES}",
            shared.name.len()
        ))
    })?;
    if left > 0 && !takes_begin(name, &shared.body) {
        return Err(too_long(message.len() + left, MAX_ACTION, limit));
    }
    skip(body, left).await?;
    Ok(Received { action: Action::new(name, shared.body), is_whole: left == 0 })
}

/// An [`Action`] that shares its bytes with the message that it came in: a name of a megabyte is not copied.
#[derive(Clone, PartialEq, Message)]
struct SharedAction {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    body: Bytes,
}

impl SharedAction {
    /// Name and body of a message that is cut short within the body; `None` where it does not begin so.
    fn of_begin(mut message: Bytes) -> Option<Self> {
        let mut field = |tag| {
            let (found, wire) = decode_key(&mut message).ok()?;
            let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
            let is_it = found == tag && wire == WireType::LengthDelimited;
            is_it.then(|| message.split_to(length.min(message.len())))
        };
        Some(Self { name: field(1)?, body: field(2)? })
    }
}

/// The message of a request, with its prefix, once `decode` has read it.
pub(super) async fn checked(
    body: Body,
    limit: usize,
    decode: fn(Bytes) -> Result<(), DecodeError>,
) -> Result<Bytes, Status> {
    let message = one_message(body, limit).await?;
    decode(message.slice(PREFIX_BYTES..)).map_err(|error| undecodable("message of this call", &error))?;
    Ok(message)
}

/// Reads the one message of a request, with its prefix. What claims to be longer than `limit` is not waited for.
async fn one_message(mut body: Body, limit: usize) -> Result<Bytes, Status> {
    let (message, left) = head(&mut body, limit, limit, "--max-request-bytes").await?;
    skip(body, left).await?;
    Ok(message)
}

/// Reads a message's prefix and `kept` bytes of it, or all; with how many are left to come. What claims to be longer
/// than `most`, the limit of that name, is not waited for.
async fn head(body: &mut Body, kept: usize, most: usize, name: &str) -> Result<(Bytes, usize), Status> {
    let mut message = BytesMut::new();
    let mut received = 0;
    loop {
        let data = next(body).await?.ok_or_else(not_one)?;
        received += data.len();
        // Never more than there is room for: to grow would take the room three times.
        let room = message.capacity() - message.len();
        let is_begun = message.len() >= PREFIX_BYTES;
        message.extend_from_slice(if is_begun { &data[..data.len().min(room)] } else { &data });
        let Some(expected) = length(&message, most, name)? else { continue };
        let wanted = expected.min(PREFIX_BYTES + kept);
        if received > expected {
            return Err(not_one());
        }
        if message.len() >= wanted {
            return Ok((message.freeze(), expected - received));
        }
        message.reserve(wanted - message.len());
    }
}

/// Reads and drops the last `left` bytes of a request.
async fn skip(mut body: Body, mut left: usize) -> Result<(), Status> {
    while let Some(data) = next(&mut body).await? {
        left = left.checked_sub(data.len()).ok_or_else(not_one)?;
    }
    if left == 0 { Ok(()) } else { Err(not_one()) }
}

/// The next bytes of a request; `None` at its end.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Status> {
    match body.frame().await {
        None => Ok(None),
        Some(Ok(frame)) => Ok(frame.into_data().ok()),
        Some(Err(status)) if status.code() == Code::DeadlineExceeded => Err(status),
        Some(Err(error)) => Err(Status::invalid_argument(format!("reading the request: {error}"))),
    }
}

fn not_one() -> Status {
    Status::invalid_argument("the request is not one gRPC message")
}

fn too_long(length: usize, name: &str, limit: usize) -> Status {
    Error::Limit(format!("the request has {length} bytes; {name} allows {limit}")).into()
}

/// How long a request that begins with `bytes` is, prefix included; `None` where they don't tell yet.
fn length(bytes: &[u8], limit: usize, name: &str) -> Result<Option<usize>, Status> {
    match bytes.get(..PREFIX_BYTES) {
        None => Ok(None),
        Some(&[0, a, b, c, d]) => match u32::from_be_bytes([a, b, c, d]) as usize {
            length if length <= limit => Ok(Some(PREFIX_BYTES + length)),
            length => Err(too_long(length, name, limit)),
        },
        Some(_) => Err(Status::unimplemented("compressed requests are not read; send them plain")),
    }
}

/// A message of the wrong make: tonic would call that an error of the server's.
fn undecodable(message: &str, error: &DecodeError) -> Status {
    Status::invalid_argument(format!("the request is no {message}: {error}"))
}
