//! The Flight client: tables of a saasgen server as batches.

use super::connections::{Connection, Connections};
use super::credentials::Credentials;
use super::location::{Location, SAME_CONNECTION};
use crate::batches::schema_of;
use crate::error::{Error, Result};
use crate::scan::{ScanRequest, Strings};
use crate::tables::{Identity, Table};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::{Action, FlightData, FlightDescriptor, FlightEndpoint, Ticket};
use futures::{StreamExt, TryStreamExt};
use indexmap::IndexMap;
use prost::Message as _;
use serde::Deserialize;
use std::iter;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

/// How long a server has to answer what takes it no time.
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

/// A server, and connections to it and its replicas.
#[derive(Debug)]
pub struct Client {
    server: Location,
    connections: Arc<Connections>,
}

impl Client {
    /// Connects to `uri`, such as `grpc://host:port`; see [`Location`].
    ///
    /// # Errors
    /// [`Error::Misuse`] where that is no such URI, or the token of `credentials` could be read on the way,
    /// [`Error::Remote`] where no server answers there.
    pub async fn connect(uri: &str, credentials: Credentials) -> Result<Self> {
        let server: Location = uri.parse()?;
        let connections = Arc::new(Connections::new(credentials));
        connections.take(&server).await?;
        Ok(Self { server, connections })
    }

    /// What data set the server has.
    ///
    /// # Errors
    /// [`Error::Remote`] where it doesn't say, or not within 20 s.
    pub async fn describe(&self) -> Result<Description> {
        let mut flight = self.connections.take(&self.server).await?;
        let ask = async { flight.do_action(Action::new("Describe", "")).await?.into_inner().try_collect().await };
        let results: Vec<arrow_flight::Result> = self.answer(ask).await?;
        let body = results.first().map(|result| result.body.as_ref()).unwrap_or_default();
        serde_json::from_slice(body).map_err(|error| {
            Error::Remote(format!("{} is no saasgen server: it does not describe a data set ({error})", self.server))
        })
    }

    /// Asks for the rows that `request` names.
    ///
    /// # Errors
    /// [`Error::Misuse`] where the server refuses the request, [`Error::Remote`] where it fails, or says nothing for 20 s.
    pub async fn table(&self, request: &ScanRequest) -> Result<FlightTable> {
        let table = Table::from_name(&request.table)?;
        let descriptor = FlightDescriptor::new_cmd(request.encode_to_vec());
        let mut flight = self.connections.take(&self.server).await?;
        let info = self.answer(flight.get_flight_info(descriptor)).await?.into_inner();
        let wrong = |what: &str| Error::Remote(format!("{} answers for {} with {what}", self.server, table.name()));
        let endpoints = info.endpoint.iter().map(|endpoint| {
            let ticket = endpoint.ticket.clone().ok_or_else(|| wrong("an endpoint without a ticket"))?;
            let locations = self.locations(endpoint);
            if locations.is_empty() {
                return Err(wrong(&format!("locations that are none of grpc://host:port: {:?}", endpoint.location)));
            }
            Ok(Endpoint { ticket, locations })
        });
        let endpoints: Vec<Endpoint> = endpoints.collect::<Result<_>>()?;
        if endpoints.is_empty() {
            return Err(wrong("no endpoint"));
        }
        let schema =
            info.try_decode_schema().map_err(|error| wrong(&format!("a schema that can't be read: {error}")))?;
        let expected = expected_schema(table, request);
        if schema != *expected {
            return Err(wrong(&format!("columns {schema} where {expected} was asked for")));
        }
        Ok(FlightTable { connections: Arc::clone(&self.connections), table, schema: expected, endpoints })
    }

    /// The server's answer to a call that takes it no time.
    async fn answer<T>(&self, call: impl Future<Output = Result<T, Status>>) -> Result<T> {
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, call).await;
        let answer = answer.map_err(|_| Error::Remote(format!("{} takes calls, but answers none", self.server)))?;
        answer.map_err(|status| error(&self.server, &status))
    }

    /// Where `endpoint` can be read, in the order to be tried: here, where it names no place.
    fn locations(&self, endpoint: &FlightEndpoint) -> Vec<Location> {
        let uris = endpoint.location.iter().map(|location| location.uri.as_str());
        let here = || Some(self.server.clone());
        let location = |uri: &str| if uri == SAME_CONNECTION { here() } else { uri.parse().ok() };
        if endpoint.location.is_empty() { here().into_iter().collect() } else { uris.filter_map(location).collect() }
    }
}

fn error(server: &Location, status: &Status) -> Error {
    use tonic::Code;
    let message = format!("{server}: {}", status.message());
    match status.code() {
        Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition => Error::Misuse(message),
        Code::ResourceExhausted => Error::Limit(message),
        code => Error::Remote(format!("{message} ({code:?})")),
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

/// A part of a table, and where it can be read.
#[derive(Debug)]
struct Endpoint {
    ticket: Ticket,
    /// At least one.
    locations: Vec<Location>,
}

/// A table of a server: its endpoints, to be read in any order.
#[derive(Debug)]
pub struct FlightTable {
    connections: Arc<Connections>,
    table: Table,
    schema: SchemaRef,
    endpoints: Vec<Endpoint>,
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
        self.endpoints.len()
    }

    /// The batches of one endpoint, read by blocking the calling thread, which must not be one of `runtime`'s own.
    /// Every endpoint that is read at a time has a connection of its own, to the first of its locations that answers.
    /// Ends with [`Error::Interrupted`] when `stop` is cancelled.
    ///
    /// # Errors
    /// As the items: [`Error::Remote`] where no server answers, or one fails or sends batches of another schema than
    /// was announced.
    pub fn batches(
        &self,
        endpoint: usize,
        runtime: &Handle,
        stop: &CancellationToken,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let (runtime, stop, schema) = (runtime.clone(), stop.clone(), self.schema());
        let (connection, answer) = block_on(&runtime, &stop, self.open(&self.endpoints[endpoint]))??;
        let mut batches = FlightRecordBatchStream::new_from_flight_data(answer.map_err(FlightError::from));
        let mut is_over = false;
        Ok(iter::from_fn(move || {
            if is_over {
                return None;
            }
            let server = connection.location();
            let item = match block_on(&runtime, &stop, batches.next()) {
                Err(interrupted) => Some(Err(interrupted)),
                Ok(Some(Err(FlightError::Tonic(status)))) => Some(Err(error(server, &status))),
                Ok(Some(Err(error))) => Some(Err(Error::Remote(format!("{server}: {error}")))),
                // A stream without rows has a schema too.
                Ok(_) if batches.schema() != Some(&schema) => {
                    Some(Err(Error::Remote(format!("{server} sent rows of another schema than was announced"))))
                }
                Ok(batch) => batch.map(|batch| batch.map_err(|error| Error::Remote(error.to_string()))),
            };
            is_over = !matches!(item, Some(Ok(_)));
            item
        }))
    }

    /// Asks the first location of `endpoint` that answers; with the last one's error where none does.
    async fn open(&self, endpoint: &Endpoint) -> Result<(Connection, Streaming<FlightData>)> {
        let mut last = Err(Error::Internal("an endpoint without a location".into()));
        for location in &endpoint.locations {
            last = self.ask(location, &endpoint.ticket).await;
            // What one server refuses, its replicas would, too.
            if !matches!(last, Err(Error::Remote(_))) {
                break;
            }
        }
        last
    }

    async fn ask(&self, location: &Location, ticket: &Ticket) -> Result<(Connection, Streaming<FlightData>)> {
        let mut connection = self.connections.take(location).await?;
        let answer = connection.do_get(ticket.clone()).await.map_err(|status| error(location, &status))?;
        Ok((connection, answer.into_inner()))
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
