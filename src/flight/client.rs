//! The Flight client: tables of a saasgen server as batches.

use super::connections::{Connection, Connections};
use super::credentials::Credentials;
use super::location::{Location, SAME_CONNECTION};
use super::resume::Reader;
use super::retry::{Failure, Retries, RetryPolicy};
use crate::batches::{catch_decoder_panic, schema_of};
use crate::error::{Error, Result};
use crate::scan::{ScanRequest, Strings};
use crate::tables::{Identity, Table};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::{Action, FlightDescriptor, FlightEndpoint, Ticket};
use futures::TryStreamExt;
use indexmap::IndexMap;
use prost::Message as _;
use serde::Deserialize;
use std::iter;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// How long a server has to answer what takes it no time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a server that has not answered yet is asked again: where something else listens at the address, that is
/// told of soon.
const FIRST_RETRIES: usize = 3;

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
    policy: RetryPolicy,
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
        Ok(Self { server, connections, policy: RetryPolicy::default() })
    }

    /// The same client, to go on as long as `policy` says when servers fail.
    pub fn with_retries(self, policy: RetryPolicy) -> Self {
        Self { policy, ..self }
    }

    /// What data set the server has.
    ///
    /// # Errors
    /// [`Error::Remote`] where it doesn't say.
    pub async fn describe(&self) -> Result<Description> {
        let ask = async |flight: &mut Connection| {
            flight.do_action(Action::new("Describe", "")).await?.into_inner().try_collect().await
        };
        let policy = RetryPolicy { retries: self.policy.retries.min(FIRST_RETRIES), ..self.policy };
        let results: Vec<arrow_flight::Result> = self.answer(policy, ask).await?;
        let body = results.first().map(|result| result.body.as_ref()).unwrap_or_default();
        serde_json::from_slice(body).map_err(|error| {
            Error::Remote(format!("{} is no saasgen server: it does not describe a data set ({error})", self.server))
        })
    }

    /// Asks for the rows that `request` names.
    ///
    /// # Errors
    /// [`Error::Misuse`] where the server refuses the request, [`Error::Remote`] where it fails.
    pub async fn table(&self, request: &ScanRequest) -> Result<FlightTable> {
        let table = Table::from_name(&request.table)?;
        let descriptor = FlightDescriptor::new_cmd(request.encode_to_vec());
        let ask = async |flight: &mut Connection| flight.get_flight_info(descriptor.clone()).await;
        let info = self.answer(self.policy, ask).await?.into_inner();
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
            catch_decoder_panic(|| info.try_decode_schema()).ok_or_else(|| wrong("a schema that is damaged"))?;
        let schema = schema.map_err(|error| wrong(&format!("a schema that can't be read: {error}")))?;
        let expected = expected_schema(table, request);
        if schema != *expected {
            return Err(wrong(&format!("columns {schema} where {expected} was asked for")));
        }
        let connections = Arc::clone(&self.connections);
        Ok(FlightTable { connections, policy: self.policy, table, schema: expected, endpoints })
    }

    /// The server's answer to a call that takes it no time, which is made again where it fails.
    async fn answer<T>(
        &self,
        policy: RetryPolicy,
        call: impl AsyncFn(&mut Connection) -> Result<T, Status>,
    ) -> Result<T> {
        let mut retries = Retries::new(policy, 1);
        loop {
            let error = match self.answer_once(&call).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Broken(error)) => error,
                // Only streams wait for room.
                Err(failure) => return Err(failure.into_error()),
            };
            match retries.next_wait() {
                Some(wait) => sleep(wait).await,
                None => return Err(Error::Remote(format!("gave up after {} tries: {error}", retries.failures()))),
            }
        }
    }

    async fn answer_once<T>(&self, call: impl AsyncFn(&mut Connection) -> Result<T, Status>) -> Result<T, Failure> {
        let mut flight = self.connections.take(&self.server).await?;
        let failure = match timeout(ANSWER_TIMEOUT.min(self.policy.stall_timeout), call(&mut flight)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(status)) => Failure::of_status(&self.server, &status),
            Err(_) => Failure::Broken(Error::Remote(format!("{} takes calls, but answers none", self.server))),
        };
        if matches!(failure, Failure::Broken(_)) {
            flight.discard();
        }
        Err(failure)
    }

    /// Where `endpoint` can be read, in the order to be tried: here, where it names no place.
    fn locations(&self, endpoint: &FlightEndpoint) -> Vec<Location> {
        let uris = endpoint.location.iter().map(|location| location.uri.as_str());
        let here = || Some(self.server.clone());
        let location = |uri: &str| if uri == SAME_CONNECTION { here() } else { uri.parse().ok() };
        if endpoint.location.is_empty() { here().into_iter().collect() } else { uris.filter_map(location).collect() }
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
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// What to ask for.
    pub ticket: Ticket,
    /// At least one.
    pub locations: Vec<Location>,
}

/// A table of a server: its endpoints, to be read in any order.
#[derive(Debug)]
pub struct FlightTable {
    connections: Arc<Connections>,
    policy: RetryPolicy,
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
    /// Every endpoint that is read at a time has a connection of its own. What breaks is resumed after the last batch,
    /// at another of its locations where there is one, as long as the client's [`RetryPolicy`] says. Ends with
    /// [`Error::Interrupted`] when `stop` is cancelled.
    ///
    /// # Errors
    /// Of the items: [`Error::Remote`] where no server sends more, or one sends batches of another schema than was
    /// announced, or none that go on from the last; [`Error::Misuse`] where one has become another model's.
    pub fn batches(
        &self,
        endpoint: usize,
        runtime: &Handle,
        stop: &CancellationToken,
    ) -> impl Iterator<Item = Result<RecordBatch>> + use<> {
        let (runtime, stop) = (runtime.clone(), stop.clone());
        let name = format!("{}, endpoint {} of {}", self.table.name(), endpoint + 1, self.endpoints.len());
        let connections = Arc::clone(&self.connections);
        let mut reader = Reader::new(connections, self.policy, self.schema(), self.endpoints[endpoint].clone(), name);
        let mut is_over = false;
        iter::from_fn(move || {
            if is_over {
                return None;
            }
            let item = block_on(&runtime, &stop, reader.next()).flatten().transpose();
            is_over = !matches!(item, Some(Ok(_)));
            item
        })
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
