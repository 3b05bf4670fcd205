//! The messages of a stream, counted as they pass.

use super::message::Message;
use crate::flight::server::telemetry::{Outcome, StreamRecord};
use futures::stream::{BoxStream, Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::{Code, Status};

/// The messages of a stream, and the record of what passed.
pub(in crate::flight::server) struct LoggedStream {
    // Dropped first: once the stream no longer counts as open, its record is complete.
    record: StreamRecord,
    messages: BoxStream<'static, Result<Message, Status>>,
}

impl LoggedStream {
    /// Records `messages` in `record`.
    pub fn new(messages: impl Stream<Item = Result<Message, Status>> + Send + 'static, record: StreamRecord) -> Self {
        Self { record, messages: messages.boxed() }
    }
}

impl Stream for LoggedStream {
    type Item = Result<Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.messages.poll_next_unpin(cx));
        match &next {
            Some(Ok(message)) => self.record.sent(message.rows(), message.length()),
            Some(Err(status)) if status.code() == Code::Unavailable => self.record.end(Outcome::Stopped, None),
            Some(Err(status)) => self.record.end(Outcome::Failed, Some(status)),
            None => self.record.end(Outcome::Complete, None),
        }
        Poll::Ready(next)
    }
}
