//! One log line and the metrics of each stream.

use super::activity::Activity;
use super::labels::Outcome;
use super::metrics::StreamCounters;
use super::shortened;
use crate::flight::server::caller::Caller;
use crate::models::Table;
use crate::scan::{Scan, ScanRequest};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// The record of what a stream has sent. It is logged once, at the end of the stream.
pub(in crate::flight::server) struct StreamRecord {
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

impl StreamRecord {
    /// Starts the record of a stream that `caller` requested at `asked`. If the stream is dropped once `stopping` is
    /// cancelled, the server has ended it, not the client.
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

    /// Counts a message with so many rows and bytes.
    pub fn sent(&mut self, rows: u64, bytes: u64) {
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

    /// Counts and logs the end of the stream. Only the first call counts.
    pub fn end(&mut self, outcome: Outcome, status: Option<&Status>) {
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
        // tracing takes a level only as a constant.
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    who = caller.log_name(),
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

impl Drop for StreamRecord {
    fn drop(&mut self) {
        let outcome = if self.stopping.is_cancelled() { Outcome::Stopped } else { Outcome::Cancelled };
        self.end(outcome, None);
    }
}

/// Seconds, rounded down to a microsecond for the reader.
fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}
