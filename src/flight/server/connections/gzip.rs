//! Requests that are compressed with gzip, which some clients do by default.

use crate::error::Error;
use bytes::{Bytes, BytesMut};
use flate2::bufread::GzDecoder;
use futures::stream;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::io::Read;
use tonic::Status;
use tonic::body::Body;

/// The encodings that requests may have.
pub(super) const ACCEPTED: &str = "identity,gzip";

/// Bytes before a message: a flag for compression, and four of its length.
const PREFIX_BYTES: usize = 5;

/// Whether a request with these headers is compressed. Removes the header that says so.
///
/// # Errors
/// UNIMPLEMENTED if it is compressed with another method.
pub(super) fn is_used(headers: &mut HeaderMap) -> Result<bool, Status> {
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
pub(super) fn decompressed(body: Body, most: usize, option: &'static str) -> Body {
    let messages = Messages { body, data: Bytes::new(), most, option };
    Body::new(StreamBody::new(stream::try_unfold(messages, async |mut messages: Messages| {
        Ok::<_, Status>(messages.next().await?.map(|message| (message, messages)))
    })))
}

struct Messages {
    body: Body,
    /// Received bytes that are not read yet.
    data: Bytes,
    most: usize,
    option: &'static str,
}

impl Messages {
    /// Reads `length` bytes. Returns fewer only at the end of the body.
    async fn read(&mut self, length: usize) -> Result<Bytes, Status> {
        let mut bytes = BytesMut::new();
        loop {
            bytes.extend_from_slice(&self.data.split_to(self.data.len().min(length - bytes.len())));
            if bytes.len() == length {
                return Ok(bytes.freeze());
            }
            let Some(frame) = self.body.frame().await else { return Ok(bytes.freeze()) };
            self.data = frame?.into_data().unwrap_or_default();
        }
    }

    /// Returns the next message, decompressed and with a new prefix, or `None` at the end of the body.
    async fn next(&mut self) -> Result<Option<Frame<Bytes>>, Status> {
        let prefix = self.read(PREFIX_BYTES).await?;
        if prefix.is_empty() {
            return Ok(None);
        }
        let is_cut = || Status::invalid_argument("the request ends within a message");
        let [flag, length @ ..] = <[u8; PREFIX_BYTES]>::try_from(&prefix[..]).map_err(|_| is_cut())?;
        let length = self.checked(u32::from_be_bytes(length) as usize, "")?;
        let received = self.read(length).await?;
        if received.len() < length {
            return Err(is_cut());
        }
        // Growing would take up to three times the memory.
        let mut message = Vec::with_capacity(PREFIX_BYTES + self.most + 1);
        message.extend([0; PREFIX_BYTES]);
        if flag == 0 {
            message.extend_from_slice(&received);
        } else {
            let read = GzDecoder::new(&received[..]).take(self.most as u64 + 1).read_to_end(&mut message);
            read.map_err(|error| Status::invalid_argument(format!("the request is not valid gzip: {error}")))?;
        }
        let length = self.checked(message.len() - PREFIX_BYTES, "at least ")?;
        message[1..PREFIX_BYTES].copy_from_slice(&(length as u32).to_be_bytes());
        Ok(Some(Frame::data(message.into())))
    }

    /// Returns `length` if it is within the limit.
    fn checked(&self, length: usize, about: &str) -> Result<usize, Status> {
        let Self { most, option, .. } = self;
        let too_long = || Error::Limit(format!("the request has {about}{length} bytes; {option} allows {most}"));
        if length <= *most { Ok(length) } else { Err(too_long().into()) }
    }
}
