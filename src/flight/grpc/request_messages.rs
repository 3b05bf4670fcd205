//! The gRPC messages of a request. Reading one takes no more memory than its limit.

use crate::error::Error;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::{Code, Status};

/// Bytes of the prefix of a gRPC message: one for compression, four for the length.
pub(in crate::flight) const PREFIX_BYTES: usize = 5;

/// Reads the messages of a request.
#[derive(Debug)]
pub(in crate::flight) struct RequestMessages {
    body: Body,
    /// Received bytes that are not read yet.
    data: Bytes,
    /// Bytes of the last message that are not read yet.
    unread: usize,
    most: usize,
    option: &'static str,
}

impl RequestMessages {
    /// Reads the messages of `body`. Each may have `most` bytes without its prefix, a limit that `option` sets.
    pub fn new(body: Body, most: usize, option: &'static str) -> Self {
        Self { body, data: Bytes::new(), unread: 0, most, option }
    }

    /// Returns the next message with its prefix, but at most `kept` bytes after that, and the length of the whole message
    /// without it. Returns `None` at the end of the request.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED at once if the message claims to be longer than the limit.
    pub async fn next(&mut self, kept: usize) -> Result<Option<(Bytes, usize)>, Status> {
        while self.unread > 0 {
            self.unread -= self.read(self.unread).await?.ok_or_else(cut)?.len();
        }
        let mut message = BytesMut::new();
        while message.len() < PREFIX_BYTES {
            match self.read(PREFIX_BYTES - message.len()).await? {
                Some(bytes) => message.extend_from_slice(&bytes),
                None if message.is_empty() => return Ok(None),
                None => return Err(cut()),
            }
        }
        let length = message[1..].iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        self.check(length, "")?;
        let wanted = length.min(kept);
        // Growing later would take up to three times the memory.
        message.reserve(wanted);
        while message.len() < PREFIX_BYTES + wanted {
            let bytes = self.read(PREFIX_BYTES + wanted - message.len()).await?.ok_or_else(cut)?;
            message.extend_from_slice(&bytes);
        }
        self.unread = length - wanted;
        Ok(Some((message.freeze(), length)))
    }

    /// Returns the next bytes, at most `most`, or `None` at the end of the request.
    async fn read(&mut self, most: usize) -> Result<Option<Bytes>, Status> {
        while self.data.is_empty() {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            self.data = frame.map_err(unreadable)?.into_data().unwrap_or_default();
        }
        Ok(Some(self.data.split_to(most.min(self.data.len()))))
    }

    /// Checks that a message of `length` bytes, or of `about` so many, is within the limit.
    pub fn check(&self, length: usize, about: &str) -> Result<(), Status> {
        let Self { most, option, .. } = self;
        let too_long = || Error::Limit(format!("the request has {about}{length} bytes; {option} allows {most}"));
        if length <= *most { Ok(()) } else { Err(too_long().into()) }
    }

    /// Returns the most bytes of a message.
    pub fn most(&self) -> usize {
        self.most
    }
}

fn cut() -> Status {
    Status::invalid_argument("the request ends within a gRPC message")
}

fn unreadable(error: Status) -> Status {
    match error.code() {
        // Admission has ended the request.
        Code::DeadlineExceeded | Code::ResourceExhausted | Code::InvalidArgument => error,
        _ => Status::invalid_argument(format!("reading the request: {error}")),
    }
}
