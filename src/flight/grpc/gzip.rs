//! Requests that are compressed with gzip, which some clients do by default.

use super::request_messages::{PREFIX_BYTES, RequestMessages};
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use futures::stream;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::StreamBody;
use std::io::Read;
use tonic::Status;
use tonic::body::Body;

/// The encodings that requests may have.
pub(in crate::flight) const ACCEPTED: &str = "identity,gzip";

/// Whether a request with these headers is compressed. Removes the header that says so.
///
/// # Errors
/// UNIMPLEMENTED if it is compressed with another method.
pub(in crate::flight) fn is_used(headers: &mut HeaderMap) -> Result<bool, Status> {
    match headers.remove("grpc-encoding").as_ref().map(|encoding| encoding.as_bytes()) {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(other) => Err(Status::unimplemented(format!(
            "requests with grpc-encoding {:?} are not supported; send them with one of {ACCEPTED}",
            String::from_utf8_lossy(other)
        ))),
    }
}

/// Decompresses each message of `body`. A message may have `most` bytes, the value of `option`, before and after that.
pub(in crate::flight) fn decompressed(body: Body, most: usize, option: &'static str) -> Body {
    let messages = RequestMessages::new(body, most, option);
    Body::new(StreamBody::new(stream::try_unfold(messages, async |mut messages: RequestMessages| {
        let Some((message, _)) = messages.next(usize::MAX).await? else { return Ok::<_, Status>(None) };
        Ok(Some((Frame::data(inflated(message, &messages)?), messages)))
    })))
}

/// Returns `message` without compression, with a new prefix.
fn inflated(message: Bytes, limit: &RequestMessages) -> Result<Bytes, Status> {
    if message.first() == Some(&0) {
        return Ok(message);
    }
    // Growing would take up to three times the memory.
    let mut inflated = Vec::with_capacity(PREFIX_BYTES + limit.most() + 1);
    inflated.extend([0; PREFIX_BYTES]);
    let read = GzDecoder::new(&message[PREFIX_BYTES..]).take(limit.most() as u64 + 1).read_to_end(&mut inflated);
    read.map_err(|error| Status::invalid_argument(format!("the request is not valid gzip: {error}")))?;
    let length = inflated.len() - PREFIX_BYTES;
    limit.check(length, "at least ")?;
    inflated[1..PREFIX_BYTES].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(inflated.into())
}
