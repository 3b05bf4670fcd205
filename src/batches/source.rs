//! Where the rows of a table come from: generated here, or elsewhere read.

use super::{Batches, schema};
use crate::error::Result;
use crate::scan::{Partitions, Scan, Strings};
use crate::tables::Table;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::ops::{Range, RangeInclusive};

/// Where the rows of one table come from.
pub trait TableSource: Sync {
    /// The table.
    fn table(&self) -> Table;

    /// The schema of its rows. Text may come as dictionaries of it.
    fn schema(&self) -> SchemaRef;

    /// Whether it says of itself that its rows are in the table's order.
    fn declares_order(&self) -> bool;

    /// How many row groups its file has.
    fn row_groups(&self) -> usize;

    /// How many rows there are, where that is known without reading them.
    fn rows(&self) -> Option<u64>;

    /// The least and the largest customer id of a row group, where that is known without reading it; a row group
    /// without rows gives an empty range.
    fn customer_ids(&self, row_group: usize) -> Option<RangeInclusive<i64>>;

    /// The batches of one row group, in order.
    ///
    /// # Errors
    /// Where they can't be had.
    fn batches(&self, row_group: usize) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>>;
}

/// The rows of a scan, a row group a partition.
#[derive(Debug)]
pub struct ScanSource {
    schema: SchemaRef,
    /// With dictionaries of text, which are a fifth of the work of text written out.
    batches: Batches,
    partitions: Vec<Range<u64>>,
}

impl ScanSource {
    /// The rows of `scan`.
    pub fn new(scan: Scan) -> Self {
        Self {
            schema: schema(&scan),
            partitions: scan.partitions(Partitions::BySize),
            batches: Batches::new(scan.with_strings(Strings::Dictionary)),
        }
    }
}

impl TableSource for ScanSource {
    fn table(&self) -> Table {
        self.batches.scan().table()
    }

    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn declares_order(&self) -> bool {
        true
    }

    fn row_groups(&self) -> usize {
        self.partitions.len()
    }

    fn rows(&self) -> Option<u64> {
        self.batches.scan().exact_rows()
    }

    fn customer_ids(&self, row_group: usize) -> Option<RangeInclusive<i64>> {
        let ids = &self.partitions[row_group];
        Some(ids.start as i64..=ids.end as i64 - 1)
    }

    fn batches(&self, row_group: usize) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>> {
        Ok(Box::new(self.batches.of_ids(self.partitions[row_group].clone())))
    }
}
