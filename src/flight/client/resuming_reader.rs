//! Reads one endpoint over as many streams as it takes.
//!
//! The mark of each batch names the customer to resume at. When a stream breaks, the reader requests the remaining
//! rows from that customer on, at another server if there is one. Every server cuts blocks at the same customers, and
//! parts of blocks are joined again, so a break does not change the batches. A table without customers can't be
//! requested in part: its stream starts again, and the reader skips the batches that it has.
//!
//! A stream that is damaged is a broken one. The damage may be in the last mark, so the reader requests the last batch once
//! more and compares its mark.

use super::batch_stream::{BatchStream, MarkedBatch};
use super::block_assembler::BlockAssembler;
use super::connections::{Connection, ConnectionPool};
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::progress::Progress;
use super::retry::{Retries, RetryPolicy};
use crate::error::{Error, Result};
use crate::scan::{BatchMark, ScanRequest};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow_flight::Ticket;
use prost::Message as _;
use std::ops::Range;
use std::sync::Arc;
use tokio::time::sleep;

/// Reads one endpoint to its end and resumes it when a stream breaks.
#[derive(Debug)]
pub(super) struct ResumingReader {
    connections: Arc<ConnectionPool>,
    policy: RetryPolicy,
    schema: SchemaRef,
    endpoint: Endpoint,
    /// The request in the ticket, if a part of it can be requested.
    request: Option<ScanRequest>,
    /// The name of the endpoint in error messages.
    name: String,
    progress: Progress,
    retries: Retries,
    /// The number of batches that all readers had received when a server was last busy.
    batches_when_busy: u64,
    /// Whether a batch came without a mark. The endpoint can't be resumed then.
    is_unmarked: bool,
    stream: Option<BatchStream>,
    blocks: BlockAssembler,
    is_over: bool,
}

impl ResumingReader {
    /// Creates a reader of `endpoint`, whose batches have the schema `schema`. Error messages call it `name`.
    pub fn new(
        connections: Arc<ConnectionPool>,
        policy: RetryPolicy,
        schema: SchemaRef,
        endpoint: Endpoint,
        name: String,
    ) -> Self {
        let request = ScanRequest::from_bytes(&endpoint.ticket.ticket).ok();
        let ids = request.as_ref().and_then(|request| Some(request.first_id?..request.last_id?.checked_add(1)?));
        Self {
            connections,
            policy,
            schema,
            request: request.filter(|_| ids.is_some()),
            name,
            progress: Progress::new(ids),
            retries: Retries::new(policy, endpoint.locations.len()),
            endpoint,
            batches_when_busy: 0,
            is_unmarked: false,
            stream: None,
            blocks: BlockAssembler::default(),
            is_over: false,
        }
    }

    /// Returns the next block, or `None` after the last.
    ///
    /// # Errors
    /// Returns [`Error::Remote`] if the retries are used up or a server breaks the protocol, and [`Error::Misuse`] if a
    /// server refuses the ticket because it has another model.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(block) = self.blocks.next_block() {
                return Ok(Some(block));
            }
            if self.is_over {
                return Ok(None);
            }
            match self.receive().await {
                Ok(Some(MarkedBatch { batch, mark })) => self.blocks.add(batch, mark)?,
                Ok(None) => self.end()?,
                // Only the end of the stream was missing.
                Err(Failure::Broken(_)) if self.progress.is_complete() => self.end()?,
                Err(failure) => self.prepare_retry(failure).await?,
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        self.is_over = true;
        self.blocks.finish_block()
    }

    /// Returns the next new batch, from the open stream or from a new one.
    async fn receive(&mut self) -> Result<Option<MarkedBatch>, Failure> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open().await?,
        };
        loop {
            let received = match stream.next(&self.schema, self.policy.stall_timeout).await {
                Ok(received) => received,
                Err(failure) => return Err(self.failed(stream.connection, failure)),
            };
            let Some(marked) = received else { return Ok(None) };
            let Some(BatchMark { next_id, .. }) = marked.mark else {
                self.is_unmarked = true;
                self.stream = Some(stream);
                return Ok(Some(marked));
            };
            let checked = check_ids(&marked.batch, stream.next_id..next_id);
            let added = checked.and_then(|()| self.progress.add(&mut stream.next_id, next_id, marked.batch.num_rows()));
            let is_new = match added {
                Ok(is_new) => is_new,
                Err(damage) => {
                    self.progress.distrust();
                    let damage = format!("{} {damage}", stream.connection.location());
                    return Err(self.failed(stream.connection, Failure::Broken(Error::Remote(damage))));
                }
            };
            if is_new {
                self.connections.health.record_batch(stream.connection.location());
                self.retries.reset();
                self.stream = Some(stream);
                return Ok(Some(marked));
            }
        }
    }

    /// Opens a stream of the remaining rows at the best location.
    async fn open(&mut self) -> Result<BatchStream, Failure> {
        let health = &self.connections.health;
        let location = health.best(&self.endpoint.locations);
        let location = location.ok_or_else(|| Error::Internal("an endpoint without a location".into()))?;
        let connection = match self.connections.take(location).await {
            Ok(connection) => connection,
            Err(failure) => {
                health.record_failure(location);
                return Err(failure);
            }
        };
        let (ticket, first_id) = match &self.request {
            Some(request) => {
                let first_id = self.progress.resume_at();
                let remaining = ScanRequest { first_id: Some(first_id), ..request.clone() };
                (Ticket::new(remaining.encode_to_vec()), first_id)
            }
            None => (self.endpoint.ticket.clone(), 0),
        };
        let opened = BatchStream::open(connection, ticket, first_id, self.policy.stall_timeout).await;
        opened.map_err(|(connection, failure)| self.failed(connection, failure))
    }

    /// Records a failure of `connection`, and closes the connection if it broke.
    fn failed(&self, connection: Connection, failure: Failure) -> Failure {
        self.connections.health.record_failure(connection.location());
        if matches!(failure, Failure::Broken(_)) {
            connection.discard();
        }
        failure
    }

    /// Waits until the next try.
    ///
    /// # Errors
    /// Returns the error of `failure` if there is no next try.
    async fn prepare_retry(&mut self, failure: Failure) -> Result<()> {
        if self.is_unmarked {
            return Err(Error::Remote(format!(
                "{}: {}. The stream can't be resumed, because its batches came without the resume marks of a saasgen \
                 server",
                self.name,
                failure.into_error()
            )));
        }
        match failure {
            Failure::Refused(error) => return Err(error),
            Failure::Broken(_) => {}
            // Streams of this client's other readers may use up the server's limit. While they make progress, this
            // reader keeps waiting.
            Failure::Busy(_) => {
                let batches = self.connections.health.batches();
                if batches > self.batches_when_busy {
                    self.retries.reset();
                }
                self.batches_when_busy = batches;
            }
        }
        match self.retries.next_wait() {
            Some(wait) => sleep(wait).await,
            None => return Err(self.gave_up(&failure.into_error())),
        }
        Ok(())
    }

    fn gave_up(&self, last: &Error) -> Error {
        Error::Remote(format!(
            "{name}: gave up after {tries} tries in a row without a batch, having read {progress}. The last error: \
             {last}. Start again once a server answers, or raise --retries or --stall-timeout",
            name = self.name,
            tries = self.retries.failures(),
            progress = self.progress,
        ))
    }
}

/// Checks that the first and the last row of `batch` belong to customers in `ids`. Does nothing if `ids` is empty: then the
/// mark of the batch is wrong.
///
/// # Errors
/// Returns a description of the fault if they do not.
fn check_ids(batch: &RecordBatch, ids: Range<u64>) -> Result<(), String> {
    let column = batch.column_by_name("customer_id").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let ends = column.and_then(|column| column.values().first().zip(column.values().last()));
    let is_in = |id: i64| u64::try_from(id).is_ok_and(|id| ids.contains(&id));
    match ends {
        Some((&first, &last)) if !ids.is_empty() && (!is_in(first) || !is_in(last)) => Err(format!(
            "sent the customers {first} to {last} in a batch that is marked as {} to {}",
            ids.start,
            ids.end - 1
        )),
        _ => Ok(()),
    }
}
