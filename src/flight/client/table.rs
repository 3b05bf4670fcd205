//! A table of a server, read endpoint by endpoint.

use super::connections::ConnectionPool;
use super::endpoint::Endpoint;
use super::resuming_reader::ResumingReader;
use super::retry::RetryPolicy;
use crate::error::{Error, Result};
use crate::models::Table;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::iter;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// A table of a server. Its endpoints can be read in any order, and at the same time.
#[derive(Debug)]
pub struct FlightTable {
    connections: Arc<ConnectionPool>,
    policy: RetryPolicy,
    table: Table,
    schema: SchemaRef,
    endpoints: Vec<Endpoint>,
}

impl FlightTable {
    pub(super) fn new(
        connections: Arc<ConnectionPool>,
        policy: RetryPolicy,
        table: Table,
        schema: SchemaRef,
        endpoints: Vec<Endpoint>,
    ) -> Self {
        Self { connections, policy, table, schema, endpoints }
    }

    /// Returns the table.
    pub fn table(&self) -> Table {
        self.table
    }

    /// Returns the schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// Returns the number of endpoints. In their order, they hold the rows that were asked for.
    pub fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Reads the batches of one endpoint. The iterator blocks the calling thread, which must not be a thread of
    /// `runtime`.
    ///
    /// Endpoints that are read at the same time use separate connections. A stream that breaks is resumed after the
    /// last batch, at another location if the endpoint has one, until the client's [`RetryPolicy`] ends. The iterator
    /// ends with [`Error::Interrupted`] once `stop` is cancelled.
    ///
    /// # Errors
    /// An item is [`Error::Remote`] if no server sends the next batch, or if a server sends a batch with a wrong schema
    /// or wrong customers. It is [`Error::Misuse`] if a server has changed to another model.
    pub fn batches(
        &self,
        endpoint: usize,
        runtime: &Handle,
        stop: &CancellationToken,
    ) -> impl Iterator<Item = Result<RecordBatch>> + use<> {
        let (runtime, stop) = (runtime.clone(), stop.clone());
        let name = format!("{}, endpoint {} of {}", self.table.name(), endpoint + 1, self.endpoints.len());
        let connections = Arc::clone(&self.connections);
        let endpoint = self.endpoints[endpoint].clone();
        let mut reader = ResumingReader::new(connections, self.policy, self.schema(), endpoint, name);
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
