//! A server's table as a [`TableSource`], to be written or verified.

use super::table::FlightTable;
use crate::batches::TableSource;
use crate::error::Result;
use crate::models::Table;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::ops::{Range, RangeInclusive};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// A [`FlightTable`] as a source of rows; each endpoint is a row group. It blocks the threads that read it, which must
/// not be threads of the runtime.
#[derive(Debug)]
pub struct FlightSource {
    table: FlightTable,
    runtime: Handle,
    stop: CancellationToken,
    ids: Vec<Range<u64>>,
}

impl FlightSource {
    /// Reads `table` on `runtime` until `stop` is cancelled.
    pub fn new(table: FlightTable, runtime: Handle, stop: CancellationToken) -> Self {
        Self { table, runtime, stop, ids: Vec::new() }
    }

    /// Sets the customers of each endpoint. The caller knows them if its request named the number of partitions.
    pub fn with_ids(self, ids: Vec<Range<u64>>) -> Self {
        Self { ids, ..self }
    }
}

impl TableSource for FlightSource {
    fn table(&self) -> Table {
        self.table.table()
    }

    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn declares_order(&self) -> bool {
        true
    }

    fn row_groups(&self) -> usize {
        self.table.endpoints()
    }

    fn rows(&self) -> Option<u64> {
        None
    }

    fn customer_ids(&self, row_group: usize) -> Option<RangeInclusive<i64>> {
        self.ids.get(row_group).map(|ids| ids.start as i64..=ids.end as i64 - 1)
    }

    fn batches(&self, row_group: usize) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>> {
        Ok(Box::new(self.table.batches(row_group, &self.runtime, &self.stop)))
    }
}
