//! What becomes of a stream: counted while it is read, one line of the log when it ends.

use super::Activity;
use super::caller::Caller;
use super::metrics::StreamCounters;
use super::wire::Message;
use crate::scan::{Scan, ScanRequest};
use crate::tables::Table;
use futures::stream::{BoxStream, Stream, StreamExt};
use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// Characters of a client's text that a line of the log holds.
const MAX_TEXT_CHARS: usize = 300;

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All of it was sent.
    Complete,
    /// The client left, or the connection broke.
    Cancelled,
    /// The server stopped first.
    Stopped,
    /// With an error.
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Complete, Self::Cancelled, Self::Stopped, Self::Failed];

    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// The begin of `text`, which may be as long as a client likes.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// The messages of a stream, which are counted as they pass.
pub(super) struct Watched {
    // Dropped first: whoever sees that a stream is no longer open finds it counted and logged.
    record: Record,
    messages: BoxStream<'static, Result<Message, Status>>,
}

impl Watched {
    /// Watches `messages`, those of `scan`.
    pub fn new(messages: impl Stream<Item = Result<Message, Status>> + Send + 'static, record: Record) -> Self {
        Self { messages: messages.boxed(), record }
    }
}

impl Stream for Watched {
    type Item = Result<Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.messages.poll_next_unpin(cx));
        match &next {
            Some(Ok(message)) => self.record.passed(message),
            Some(Err(status)) if status.code() == Code::Unavailable => self.record.end(Outcome::Stopped, None),
            Some(Err(status)) => self.record.end(Outcome::Failed, Some(status)),
            None => self.record.end(Outcome::Complete, None),
        }
        Poll::Ready(next)
    }
}

/// What is known of a stream so far.
pub(super) struct Record {
    caller: Caller,
    table: Table,
    request: ScanRequest,
    asked: Instant,
    first_batch: Option<Duration>,
    rows: u64,
    bytes: u64,
    counters: StreamCounters,
    activity: Arc<Activity>,
    stopping: CancellationToken,
    is_ended: bool,
}

impl Record {
    /// Of a stream that `caller` asked for at `asked`. Once `stopping` is cancelled, it is not the client who ends it.
    pub fn new(
        caller: Caller,
        scan: &Scan,
        asked: Instant,
        activity: Arc<Activity>,
        stopping: CancellationToken,
    ) -> Self {
        let (table, request) = (scan.table(), scan.to_request());
        let counters = activity.metrics.of(table);
        Self {
            caller,
            table,
            request,
            asked,
            first_batch: None,
            rows: 0,
            bytes: 0,
            counters,
            activity,
            stopping,
            is_ended: false,
        }
    }

    fn passed(&mut self, message: &Message) {
        let (rows, bytes) = (message.rows(), message.length());
        self.rows += rows;
        self.bytes += bytes;
        self.counters.rows.inc_by(rows);
        self.counters.bytes.inc_by(bytes);
        if rows > 0 && self.first_batch.is_none() {
            let elapsed = self.asked.elapsed();
            self.activity.metrics.first_batch_seconds.observe(elapsed.as_secs_f64());
            self.first_batch = Some(elapsed);
        }
    }

    /// Counts and logs the end, the first time that there is one.
    fn end(&mut self, outcome: Outcome, status: Option<&Status>) {
        if std::mem::replace(&mut self.is_ended, true) {
            return;
        }
        self.activity.metrics.ended(self.table, outcome);
        self.log(outcome, status);
    }

    fn log(&self, outcome: Outcome, status: Option<&Status>) {
        use tracing::field;
        let Self { caller, table, request, rows, bytes, .. } = self;
        let columns = match request.columns.len() == table.columns().len() {
            true => "all".to_string(),
            false => request.columns.join(","),
        };
        let error = status.map(|status| shortened(status.message()));
        // A level is part of what the macro makes, not a value.
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    who = caller.who(),
                    peer = %caller.peer,
                    table = %table.name(),
                    customers = request.customers,
                    seed = request.seed,
                    first_id = request.first_id,
                    last_id = request.last_id,
                    from = request.from.as_deref().map(field::display),
                    to = request.to.as_deref().map(field::display),
                    columns = %columns,
                    rows,
                    bytes,
                    seconds = seconds(self.asked.elapsed()),
                    first_batch_seconds = self.first_batch.map(seconds),
                    outcome = %outcome.name(),
                    status = status.map(|status| field::debug(status.code())),
                    error = error.as_deref(),
                    "stream ended"
                )
            };
        }
        if outcome == Outcome::Failed {
            line!(tracing::Level::ERROR);
        } else {
            line!(tracing::Level::INFO);
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let outcome = if self.stopping.is_cancelled() { Outcome::Stopped } else { Outcome::Cancelled };
        self.end(outcome, None);
    }
}

/// Seconds to the microsecond: what lies below is noise, and long to read.
fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}
