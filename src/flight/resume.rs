//! One endpoint's batches, over as many streams as it takes.
//!
//! Each batch is marked with the customer to resume at. When a stream breaks, the endpoint's ticket is asked again from
//! there on, of another server where there is one. Blocks are cut at the same customers whoever makes them, and put
//! together again where they come in parts, so what comes is the same as without the break. A table without customers
//! can't be asked for in part: it is begun again, and what came already is passed over.

use super::batch_stream::{BatchStream, Marked};
use super::client::Endpoint;
use super::connections::{Connection, Connections};
use super::retry::{Failure, Retries, RetryPolicy};
use super::whole_blocks::WholeBlocks;
use crate::error::{Error, Result};
use crate::scan::{BatchMark, ScanRequest};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow_flight::Ticket;
use prost::Message as _;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use tokio::time::sleep;

/// Reads one endpoint to its end, however often that breaks.
#[derive(Debug)]
pub(super) struct Reader {
    connections: Arc<Connections>,
    policy: RetryPolicy,
    schema: SchemaRef,
    endpoint: Endpoint,
    /// The ticket, where it can be asked for in part.
    request: Option<ScanRequest>,
    /// Which endpoint this is, for people.
    name: String,
    progress: Progress,
    retries: Retries,
    /// How many batches had come to all readers when this one last met a server without room.
    batches_when_busy: u64,
    /// Whether batches came without a mark, so that nobody knows where to resume.
    is_unmarked: bool,
    stream: Option<BatchStream>,
    blocks: WholeBlocks,
    is_over: bool,
}

impl Reader {
    /// Reads `endpoint`, which people know as `name` and which has batches of `schema`.
    pub fn new(
        connections: Arc<Connections>,
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
            blocks: WholeBlocks::default(),
            is_over: false,
        }
    }

    /// The next block's batch; `None` when all have come.
    ///
    /// # Errors
    /// [`Error::Remote`] where no server sends more, as often as the policy has it tried, or one breaks the protocol;
    /// [`Error::Misuse`] where one refuses the ticket, because it has another model.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(block) = self.blocks.next() {
                return Ok(Some(block));
            }
            if self.is_over {
                return Ok(None);
            }
            match self.receive().await {
                Ok(Some(Marked { batch, mark })) => self.blocks.add(batch, mark)?,
                Ok(None) => self.end()?,
                // Nothing was still to come but the end.
                Err(Failure::Broken(_)) if self.progress.is_complete() => self.end()?,
                Err(failure) => self.prepare_retry(failure).await?,
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        self.is_over = true;
        self.blocks.end()
    }

    /// The next batch from the stream that is open, or a new one.
    async fn receive(&mut self) -> Result<Option<Marked>, Failure> {
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
            let begin = stream.reached;
            let taken = self.progress.take(&mut stream.reached, next_id, marked.batch.num_rows());
            let taken = taken.and_then(|is_new| is_of(&marked.batch, begin..next_id).map(|()| is_new));
            let is_new = taken.map_err(|what| {
                Failure::Refused(Error::Remote(format!("{}: {} {what}", self.name, stream.connection.location())))
            })?;
            if is_new {
                self.connections.health.has_sent(stream.connection.location());
                self.retries.renew();
                self.stream = Some(stream);
                return Ok(Some(marked));
            }
        }
    }

    /// Asks the server that does best for what has not come yet.
    async fn open(&mut self) -> Result<BatchStream, Failure> {
        let health = &self.connections.health;
        let location = health.best(&self.endpoint.locations);
        let location = location.ok_or_else(|| Error::Internal("an endpoint without a location".into()))?;
        let connection = match self.connections.take(location).await {
            Ok(connection) => connection,
            Err(error) => {
                health.has_failed(location);
                return Err(error.into());
            }
        };
        let (ticket, reached) = match &self.request {
            Some(request) => {
                let rest = ScanRequest { first_id: Some(self.progress.reached), ..request.clone() };
                (Ticket::new(rest.encode_to_vec()), self.progress.reached)
            }
            None => (self.endpoint.ticket.clone(), 0),
        };
        let opened = BatchStream::open(connection, ticket, reached, self.policy.stall_timeout).await;
        opened.map_err(|(connection, failure)| self.failed(connection, failure))
    }

    /// Notes that `connection` brought a failure.
    fn failed(&self, connection: Connection, failure: Failure) -> Failure {
        self.connections.health.has_failed(connection.location());
        if matches!(failure, Failure::Broken(_)) {
            connection.discard();
        }
        failure
    }

    /// Waits until it is time to try again.
    async fn prepare_retry(&mut self, failure: Failure) -> Result<()> {
        if self.is_unmarked {
            return Err(Error::Remote(format!(
                "{}: {}. It can't be resumed: batches came without the marks that a saasgen server sends with them",
                self.name,
                failure.into_error()
            )));
        }
        match failure {
            Failure::Refused(error) => return Err(error),
            Failure::Broken(_) => {}
            // The streams that take the room may be those of the other readers: as long as they get on, this one waits.
            Failure::Busy(_) => {
                let batches = self.connections.health.batches();
                if batches > self.batches_when_busy {
                    self.retries.renew();
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
            "{name}: gave up after {tries} tries in a row without a batch, having read {progress}; the last error: \
             {last}. Begin again when a server is back; `pull --retries` and `--stall-timeout` set how long it is tried",
            name = self.name,
            tries = self.retries.failures(),
            progress = self.progress,
        ))
    }
}

/// Whether the first and the last row of `batch` are those of customers in `ids`, or what is wrong with them.
fn is_of(batch: &RecordBatch, ids: Range<u64>) -> Result<(), String> {
    let column = batch.column_by_name("customer_id").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let ends = column.and_then(|column| column.values().first().zip(column.values().last()));
    let is_in = |id: i64| u64::try_from(id).is_ok_and(|id| ids.contains(&id));
    match ends {
        Some((&first, &last)) if !is_in(first) || !is_in(last) => Err(format!(
            "has the customers {first} to {last} in a batch that is marked as {} to {}",
            ids.start,
            ids.end - 1
        )),
        _ => Ok(()),
    }
}

/// What came of an endpoint so far.
#[derive(Debug)]
struct Progress {
    /// The customers of the endpoint, where they are known.
    ids: Option<Range<u64>>,
    /// The first customer that no batch has covered.
    reached: u64,
    rows: u64,
}

impl Progress {
    fn new(ids: Option<Range<u64>>) -> Self {
        Self { reached: ids.as_ref().map_or(0, |ids| ids.start), ids, rows: 0 }
    }

    /// Whether the last customer's rows came, too.
    fn is_complete(&self) -> bool {
        self.rows > 0 && self.ids.as_ref().is_some_and(|ids| self.reached >= ids.end)
    }

    /// Takes a batch of so many rows, of the customers from where its stream had `reached` to before `next_id`. Returns
    /// whether it is new, or says what is wrong with it.
    fn take(&mut self, reached: &mut u64, next_id: u64, rows: usize) -> Result<bool, String> {
        if next_id <= *reached {
            return Err(format!("marks a batch with customer {next_id} to resume at, after one with {reached}"));
        }
        if let Some(ids) = self.ids.as_ref().filter(|ids| next_id > ids.end) {
            return Err(format!("marks a batch with customer {next_id} to resume at, where {} ends it", ids.end));
        }
        let begin = std::mem::replace(reached, next_id);
        if next_id <= self.reached {
            return Ok(false);
        }
        if begin < self.reached {
            return Err(format!("cuts its batches elsewhere than before, at {begin} and {next_id}"));
        }
        self.reached = next_id;
        self.rows += rows as u64;
        Ok(true)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.rows)?;
        match &self.ids {
            Some(ids) if !ids.is_empty() => {
                write!(f, ", {} of the customers {} to {}", self.reached - ids.start, ids.start, ids.end - 1)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An endpoint of the customers 11 to 40, of which one batch came.
    fn begun() -> (Progress, u64) {
        let (mut progress, mut stream) = (Progress::new(Some(11..41)), 11);
        assert_eq!(progress.take(&mut stream, 21, 5), Ok(true));
        assert_eq!((progress.reached, stream, progress.rows), (21, 21, 5));
        (progress, stream)
    }

    #[test]
    fn marks_ascend_to_the_end() {
        let (mut progress, mut stream) = begun();
        assert!(!progress.is_complete());
        assert_eq!(progress.to_string(), "5 rows, 10 of the customers 11 to 40");
        assert_eq!(progress.take(&mut stream, 41, 5), Ok(true));
        assert!(progress.is_complete());
    }

    #[test]
    fn marks_that_go_back_stay_or_pass_the_end_are_refused() {
        for next_id in [0, 20, 21, 42, u64::MAX] {
            let (mut progress, mut stream) = begun();
            let message = progress.take(&mut stream, next_id, 5).unwrap_err();
            assert!(message.contains(&next_id.to_string()), "{message}");
            assert_eq!((progress.reached, progress.rows), (21, 5), "it is not taken");
        }
    }

    #[test]
    fn what_came_already_is_passed_over_when_a_stream_begins_again() {
        let mut progress = Progress::new(None);
        let mut stream = 0;
        assert_eq!(progress.take(&mut stream, 3, 5), Ok(true));
        assert_eq!(progress.take(&mut stream, 5, 5), Ok(true));
        let mut stream = 0;
        assert_eq!(progress.take(&mut stream, 3, 5), Ok(false));
        assert_eq!(progress.take(&mut stream, 5, 5), Ok(false));
        assert_eq!(progress.take(&mut stream, 6, 5), Ok(true));
        assert_eq!((progress.rows, progress.is_complete()), (15, false));
        assert_eq!(progress.to_string(), "15 rows");
        // Half of this one came already.
        assert!(progress.take(&mut 4, 9, 5).unwrap_err().contains("elsewhere"));
    }
}
