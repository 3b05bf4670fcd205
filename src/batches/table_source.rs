//! Sources of a table's rows: a generator, or anything that can be read.

use super::{Batches, schema};
use crate::error::Result;
use crate::models::Table;
use crate::scan::{Partitions, Scan, Strings};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::ops::{Range, RangeInclusive};

/// A source of the rows of one table, split into row groups.
pub trait TableSource: Sync {
    /// Returns the table.
    fn table(&self) -> Table;

    /// Returns the schema of the rows. Batches may have dictionaries in place of text.
    fn schema(&self) -> SchemaRef;

    /// Returns the name and the schema of each file. A source that has no files has one schema without a name.
    fn file_schemas(&self) -> Vec<(String, SchemaRef)> {
        vec![(String::new(), self.schema())]
    }

    /// Returns whether the source declares that its rows are sorted by the table's sort columns.
    fn declares_order(&self) -> bool;

    /// Returns the number of row groups.
    fn row_groups(&self) -> usize;

    /// Returns the number of rows, if it is known without reading them.
    fn rows(&self) -> Option<u64>;

    /// Returns the range of customer ids in a row group, if it is known without reading the rows. A row group without
    /// rows gives an empty range.
    fn customer_ids(&self, row_group: usize) -> Option<RangeInclusive<i64>>;

    /// Returns the batches of one row group, in order.
    ///
    /// # Errors
    /// Returns an error if the row group can't be opened. Each batch can be an error as well.
    fn batches(&self, row_group: usize) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>>;
}

/// The rows of a scan. Each partition is a row group.
#[derive(Debug)]
pub struct ScanSource {
    /// The schema of the scan, which the scan of `batches` can differ from.
    schema: SchemaRef,
    /// Batches with dictionaries, which take a fifth of the time of text.
    batches: Batches,
    partitions: Vec<Range<u64>>,
}

impl ScanSource {
    /// Returns a source of the rows of `scan`.
    pub fn new(scan: Scan) -> Self {
        Self {
            schema: schema(&scan),
            partitions: scan.partitions(Partitions::BySize),
            batches: Batches::new(scan.with_strings(Strings::Dictionary)),
        }
    }

    /// Sets how the rows are cut into row groups. By default, they are cut by size.
    pub fn with_partitions(self, partitions: Partitions) -> Self {
        Self { partitions: self.batches.scan().partitions(partitions), ..self }
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
