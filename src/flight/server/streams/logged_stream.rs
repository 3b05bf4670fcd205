//! An open stream: its messages, recorded as they pass.

use super::message::Message;
use crate::flight::server::open_streams::OpenStream;
use crate::flight::server::telemetry::{Outcome, StreamRecord};
use futures::stream::{BoxStream, Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::{Code, Status};

/// The messages of a stream, and the record of what passed.
pub(in crate::flight::server) struct LoggedStream {
    // Dropped in this order: once the stream no longer counts as open, its record is complete and its memory free.
    record: StreamRecord,
    messages: BoxStream<'static, Result<Message, Status>>,
    _open: OpenStream,
}

impl LoggedStream {
    /// Records `messages` in `record`. The stream counts as open until it is dropped.
    pub fn new(
        messages: impl Stream<Item = Result<Message, Status>> + Send + 'static,
        record: StreamRecord,
        open: OpenStream,
    ) -> Self {
        Self { record, messages: messages.boxed(), _open: open }
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
