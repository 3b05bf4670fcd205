//! The Flight client: tables of a saasgen server as batches.

use crate::batches::schema_of;
use crate::error::{Error, Result};
use crate::scan::{ScanRequest, Strings};
use crate::tables::{Identity, Table};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{Action, FlightDescriptor, Ticket};
use futures::{StreamExt, TryStreamExt};
use indexmap::IndexMap;
use prost::Message as _;
use serde::Deserialize;
use std::iter;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// The longest message that is taken: a server of ours keeps its own under 2 MiB, lists of endpoints under 4 MiB.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// How long a server has to take a connection, and to answer the first call.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What a server says of the data set that it serves.
#[derive(Debug, Clone, Deserialize)]
pub struct Description {
    /// Which data set.
    #[serde(flatten)]
    pub identity: Identity,
    /// How many rows each table is expected to have, by its name.
    pub expected_rows: IndexMap<String, f64>,
}

/// A connection to a server.
#[derive(Debug, Clone)]
pub struct Client {
    flight: FlightServiceClient<Channel>,
    uri: String,
}

impl Client {
    /// Connects to `uri`, `grpc://host:port`.
    ///
    /// # Errors
    /// [`Error::Misuse`] where that is no such URI, [`Error::Remote`] where no server answers there.
    pub async fn connect(uri: &str) -> Result<Self> {
        let authority = uri.strip_prefix("grpc://").or_else(|| uri.strip_prefix("grpc+tcp://"));
        let endpoint = authority.and_then(|authority| Endpoint::from_shared(format!("http://{authority}")).ok());
        let endpoint = endpoint.ok_or_else(|| {
            Error::Misuse(format!(
                "the server's URI is {uri:?}; it must be grpc://host:port, such as grpc://localhost:8815"
            ))
        })?;
        let channel = endpoint.tcp_nodelay(true).connect_timeout(ANSWER_TIMEOUT).connect().await.map_err(|error| {
            let cause = iter::successors(std::error::Error::source(&error), |error| error.source()).last();
            let cause = cause.map_or_else(|| error.to_string(), ToString::to_string);
            Error::Remote(format!(
                "no server answers at {uri} ({cause}): start one with `saasgen serve`, or name another with --server"
            ))
        })?;
        let flight = FlightServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self { flight, uri: uri.to_string() })
    }

    /// What data set the server has.
    ///
    /// # Errors
    /// [`Error::Remote`] where it doesn't say, or not within 20 s.
    pub async fn describe(&mut self) -> Result<Description> {
        let mut flight = self.flight.clone();
        let ask = async { flight.do_action(Action::new("Describe", "")).await?.into_inner().try_collect().await };
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, ask).await;
        let answer = answer.map_err(|_| Error::Remote(format!("{} takes calls, but answers none", self.uri)))?;
        let results: Vec<arrow_flight::Result> = answer.map_err(|status| self.error(&status))?;
        let body = results.first().map(|result| result.body.as_ref()).unwrap_or_default();
        serde_json::from_slice(body).map_err(|error| {
            Error::Remote(format!("{} is no saasgen server: it does not describe a data set ({error})", self.uri))
        })
    }

    /// Asks for the rows that `request` names.
    ///
    /// # Errors
    /// [`Error::Misuse`] where the server refuses the request, [`Error::Remote`] where it fails.
    pub async fn table(&mut self, request: &ScanRequest) -> Result<FlightTable> {
        let table = Table::from_name(&request.table)?;
        let descriptor = FlightDescriptor::new_cmd(request.encode_to_vec());
        let info = self.flight.get_flight_info(descriptor).await.map_err(|status| self.error(&status))?.into_inner();
        let wrong = |what: &str| Error::Remote(format!("{} answers for {} with {what}", self.uri, table.name()));
        let tickets: Option<Vec<Ticket>> = info.endpoint.iter().map(|endpoint| endpoint.ticket.clone()).collect();
        let tickets = tickets.ok_or_else(|| wrong("an endpoint without a ticket"))?;
        if tickets.is_empty() {
            return Err(wrong("no endpoint"));
        }
        let schema =
            info.try_decode_schema().map_err(|error| wrong(&format!("a schema that can't be read: {error}")))?;
        let expected = expected_schema(table, request);
        if schema != *expected {
            return Err(wrong(&format!("columns {schema} where {expected} was asked for")));
        }
        Ok(FlightTable { client: self.clone(), table, schema: expected, tickets })
    }

    fn error(&self, status: &Status) -> Error {
        use tonic::Code;
        let message = format!("{}: {}", self.uri, status.message());
        match status.code() {
            Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition => Error::Misuse(message),
            Code::ResourceExhausted => Error::Limit(message),
            code => Error::Remote(format!("{message} ({code:?})")),
        }
    }
}

/// The schema that a server of ours answers `request` with, once it has found nothing wrong with it.
fn expected_schema(table: Table, request: &ScanRequest) -> SchemaRef {
    let strings = match request.strings.as_deref() {
        Some(name) if name == Strings::Dictionary.name() => Strings::Dictionary,
        _ => Strings::Utf8,
    };
    let all = table.columns();
    if request.columns.is_empty() {
        return schema_of(all.iter(), strings);
    }
    let named = request.columns.iter().filter_map(|name| all.iter().find(|column| column.name == name));
    schema_of(named, strings)
}

/// A table of a server: its endpoints, to be read in any order.
#[derive(Debug)]
pub struct FlightTable {
    client: Client,
    table: Table,
    schema: SchemaRef,
    tickets: Vec<Ticket>,
}

impl FlightTable {
    /// The table.
    pub fn table(&self) -> Table {
        self.table
    }

    /// The schema of its batches.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// How many endpoints it has; together, in order, they are the rows asked for.
    pub fn endpoints(&self) -> usize {
        self.tickets.len()
    }

    /// The batches of one endpoint, read by blocking the calling thread, which must not be one of `runtime`'s own.
    /// Ends with [`Error::Interrupted`] when `stop` is cancelled.
    ///
    /// # Errors
    /// As the items: [`Error::Remote`] where the server fails or sends batches of another schema than it announced.
    pub fn batches(
        &self,
        endpoint: usize,
        runtime: &Handle,
        stop: &CancellationToken,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let mut client = self.client.clone();
        let ticket = self.tickets[endpoint].clone();
        let (runtime, stop, schema) = (runtime.clone(), stop.clone(), self.schema());
        let answer = block_on(&runtime, &stop, client.flight.do_get(ticket))?;
        let answer = answer.map_err(|status| client.error(&status))?.into_inner();
        let mut batches = FlightRecordBatchStream::new_from_flight_data(answer.map_err(FlightError::from));
        let mut is_over = false;
        Ok(iter::from_fn(move || {
            if is_over {
                return None;
            }
            let item = match block_on(&runtime, &stop, batches.next()) {
                Err(interrupted) => Some(Err(interrupted)),
                Ok(Some(Err(FlightError::Tonic(status)))) => Some(Err(client.error(&status))),
                Ok(Some(Err(error))) => Some(Err(Error::Remote(format!("{}: {error}", client.uri)))),
                // A stream without rows has a schema too.
                Ok(_) if batches.schema() != Some(&schema) => {
                    Some(Err(Error::Remote(format!("{} sent rows of another schema than it announced", client.uri))))
                }
                Ok(batch) => batch.map(|batch| batch.map_err(|error| Error::Remote(error.to_string()))),
            };
            is_over = !matches!(item, Some(Ok(_)));
            item
        }))
    }
}

fn block_on<T>(runtime: &Handle, stop: &CancellationToken, future: impl Future<Output = T>) -> Result<T> {
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(Error::Interrupted),
            value = future => Ok(value),
        }
    })
}
