//! The Flight client: reads the tables of a saasgen server as record batches.
//!
//! [`Client`] asks a server for its data set and its tables. A [`FlightTable`] has endpoints; each is read over a
//! connection of its own and resumed where a stream breaks.

mod batch_stream;
mod block_assembler;
mod connections;
mod endpoint;
mod failure;
mod health_check;
mod progress;
mod resuming_reader;
mod retry;
mod table;
mod table_source;

pub use connections::{ClientTlsFiles, Credentials};
pub use health_check::check_health;
pub use retry::RetryPolicy;
pub use table::FlightTable;
pub use table_source::FlightSource;

use super::location::Location;
use crate::batches::{catch_decoder_panic, has_same_columns, schema_of};
use crate::error::{Error, Result};
use crate::models::{Identity, Table};
use crate::scan::{ScanRequest, Strings};
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::{Action, FlightDescriptor};
use connections::{Connection, ConnectionPool};
use endpoint::Endpoint;
use failure::Failure;
use futures::TryStreamExt;
use indexmap::IndexMap;
use prost::Message as _;
use retry::Retries;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tonic::Status;

/// The time that a server has to accept a connection, and to answer a call that returns no stream.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The retries of a client's first call, if it does not wait for the server. They are few: if another program listens at
/// the address, the user learns it soon.
const FIRST_CALL_RETRIES: usize = 3;

/// A server's description of the data set that it serves.
#[derive(Debug, Clone, Deserialize)]
pub struct Description {
    /// The data set: model, seed, size and window.
    #[serde(flatten)]
    pub identity: Identity,
    /// The expected number of rows of each table, by the table's name.
    pub expected_rows: IndexMap<String, f64>,
    /// The parameters of the model.
    #[serde(default)]
    pub parameters: Option<toml::Table>,
}

/// A client of one server and its replicas.
#[derive(Debug)]
pub struct Client {
    server: Location,
    connections: Arc<ConnectionPool>,
    policy: RetryPolicy,
}

impl Client {
    /// Creates a client of the server at `uri`, such as `grpc://localhost:8815`; [`Location`] lists the forms of a URI.
    /// It connects at its first call, and retries failures by `policy`.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if `uri` has none of these forms.
    pub fn new(uri: &str, credentials: Credentials, policy: RetryPolicy) -> Result<Self> {
        let connections = ConnectionPool::new(credentials, ANSWER_TIMEOUT.min(policy.stall_timeout));
        Ok(Self { server: uri.parse()?, connections: Arc::new(connections), policy })
    }

    /// Asks the server which data set it serves. This is the first contact.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if the credentials can't be used, or if their token would cross a network unencrypted.
    /// Returns [`Error::Remote`] if the server does not answer, or is not a saasgen server.
    pub async fn describe(&self) -> Result<Description> {
        let ask = async |flight: &mut Connection| {
            flight.do_action(Action::new("Describe", "")).await?.into_inner().try_collect().await
        };
        let mut policy = self.policy;
        if !policy.waits_for_server {
            policy.retries = policy.retries.min(FIRST_CALL_RETRIES);
            // The call uses this connection.
            self.connections.take(&self.server).await.map_err(Failure::into_error)?;
        }
        let results: Vec<arrow_flight::Result> = self.call(policy, ask).await?;
        let body = results.first().map(|result| result.body.as_ref()).unwrap_or_default();
        serde_json::from_slice(body).map_err(|error| {
            Error::Remote(format!(
                "{} is not a saasgen server: it does not describe a data set ({error}); name one with --server",
                self.server
            ))
        })
    }

    /// Asks the server for the endpoints of the rows of `table` that `request` names.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if the server refuses the request, and [`Error::Remote`] if the server fails or its
    /// answer does not fit the request.
    pub async fn table(&self, table: Table, request: &ScanRequest) -> Result<FlightTable> {
        let descriptor = FlightDescriptor::new_cmd(request.encode_to_vec());
        let ask = async |flight: &mut Connection| flight.get_flight_info(descriptor.clone()).await;
        let info = self.call(self.policy, ask).await?.into_inner();
        let wrong = |sent: &str| Error::Remote(format!("{}, asked for {}, sent {sent}", self.server, table.name()));
        let endpoints = info.endpoint.iter().map(|endpoint| Endpoint::new(endpoint, &self.server));
        let endpoints: Vec<Endpoint> = endpoints.collect::<Result<_, _>>().map_err(|fault| wrong(&fault))?;
        if endpoints.is_empty() {
            return Err(wrong("no endpoint"));
        }
        let schema = catch_decoder_panic(|| info.try_decode_schema()).ok_or_else(|| wrong("a damaged schema"))?;
        let schema = schema.map_err(|error| wrong(&format!("a schema that can't be read: {error}")))?;
        let expected = expected_schema(table, request);
        if !has_same_columns(&schema, &expected) {
            let [sent, expected] = [&schema, &*expected].map(column_list);
            return Err(wrong(&format!("the columns {sent} instead of {expected}")));
        }
        Ok(FlightTable::new(Arc::clone(&self.connections), self.policy, table, expected, endpoints))
    }

    /// Makes a call that returns no stream, and retries it by `policy` when the server or the connection fails.
    async fn call<T>(
        &self,
        policy: RetryPolicy,
        call: impl AsyncFn(&mut Connection) -> Result<T, Status>,
    ) -> Result<T> {
        let mut retries = Retries::new(policy, 1);
        loop {
            let error = match self.call_once(&call).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Broken(error)) => error,
                // Only streams wait for a busy server.
                Err(failure) => return Err(failure.into_error()),
            };
            match retries.next_wait() {
                Some(wait) => sleep(wait).await,
                None => {
                    let tries = retries.failures();
                    return Err(if tries > 1 {
                        Error::Remote(format!("gave up after {tries} tries: {error}"))
                    } else {
                        error
                    });
                }
            }
        }
    }

    async fn call_once<T>(&self, call: impl AsyncFn(&mut Connection) -> Result<T, Status>) -> Result<T, Failure> {
        let mut flight = self.connections.take(&self.server).await?;
        let limit = ANSWER_TIMEOUT.min(self.policy.stall_timeout);
        let failure = match timeout(limit, call(&mut flight)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(status)) => flight.failure(&status),
            Err(_) => {
                Failure::Broken(Error::Remote(format!("{} did not answer within {} s", self.server, limit.as_secs())))
            }
        };
        if matches!(failure, Failure::Broken(_)) {
            flight.discard();
        }
        Err(failure)
    }
}

/// Returns the schema of a saasgen server's answer to `request`, if the request is valid.
fn expected_schema(table: Table, request: &ScanRequest) -> SchemaRef {
    let strings = match request.strings.as_deref() {
        Some(name) if name == Strings::Dictionary.name() => Strings::Dictionary,
        _ => Strings::Utf8,
    };
    let all = table.columns();
    if request.columns.is_empty() {
        return schema_of(table, all.iter(), strings);
    }
    let named = request.columns.iter().filter_map(|name| all.iter().find(|column| column.name == name));
    schema_of(table, named, strings)
}

/// Returns the names and types of columns, for an error message.
fn column_list(schema: &Schema) -> String {
    let columns = schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type()));
    columns.collect::<Vec<_>>().join(", ")
}
