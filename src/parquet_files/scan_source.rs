//! A table generated here and now, as a source of row groups.

use super::write::TableSource;
use crate::batches::Batches;
use crate::error::Result;
use crate::scan::{Partitions, Scan};
use crate::tables::Table;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::ops::Range;

/// The rows of a scan, a row group a partition.
#[derive(Debug)]
pub struct ScanSource {
    batches: Batches,
    partitions: Vec<Range<u64>>,
}

impl ScanSource {
    /// The rows of `scan`.
    pub fn new(scan: Scan) -> Self {
        Self { partitions: scan.partitions(Partitions::BySize), batches: Batches::new(scan) }
    }
}

impl TableSource for ScanSource {
    fn table(&self) -> Table {
        self.batches.scan().table()
    }

    fn schema(&self) -> SchemaRef {
        self.batches.schema()
    }

    fn row_groups(&self) -> usize {
        self.partitions.len()
    }

    fn batches(&self, row_group: usize) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>> {
        Ok(Box::new(self.batches.of_ids(self.partitions[row_group].clone())))
    }
}
