//! Arrow: schemas, record batches over a scan, and the hash of what they hold.

mod content_hash;
mod convert;
mod damage;
mod rows;
mod schema;
mod source;

pub use content_hash::ContentHash;
pub(crate) use damage::unless_damaged;
pub(crate) use rows::Rows;
pub use schema::{schema, schema_of};
pub use source::{ScanSource, TableSource};

use crate::error::{Error, Result};
use crate::scan::Scan;
use crate::tables::{Column, Generator, Kind};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use convert::Encoder;
use std::ops::Range;

/// The values of one column of `scan` as an array; `None` where they are not of `kind`.
pub fn array_of(scan: &Scan, kind: Kind, column: Column) -> Option<ArrayRef> {
    Encoder::new(scan, kind).array(column)
}

/// Makes the record batches of a scan, block by block in any order and from any thread.
///
/// ```
/// use saasgen::{batches::Batches, model::Model, scan::Scan, tables::{DataSet, Laws, Table}};
///
/// let laws = std::sync::Arc::new(Laws::new(Model::saas_v1()?));
/// let data_set = DataSet::new(laws, 42, 1_000)?;
/// let batches = Batches::new(Scan::whole(&data_set, Table::Customers));
/// let rows: usize = batches.iter().map(|batch| batch.map_or(0, |batch| batch.num_rows())).sum();
/// assert_eq!(rows, 1_000);
/// # Ok::<(), saasgen::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Batches {
    scan: Scan,
    schema: SchemaRef,
    generator: Generator,
    /// By column of the schema; with the place of its values among those generated, if they are.
    encoders: Vec<(Option<usize>, Encoder)>,
}

impl Batches {
    /// The batches of `scan`.
    pub fn new(scan: Scan) -> Self {
        let encoders = scan
            .column_positions()
            .into_iter()
            .zip(scan.columns())
            .map(|(position, column)| (position, Encoder::new(&scan, column.kind)))
            .collect();
        Self { schema: schema(&scan), generator: scan.generator(), encoders, scan }
    }

    /// The scan whose batches these are.
    pub fn scan(&self) -> &Scan {
        &self.scan
    }

    /// The schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// The rows of the customers in `ids`, which may be none. Buffers are of the size of what they hold.
    ///
    /// # Errors
    /// [`Error::Internal`] where the columns don't fit the schema, which is a fault of this program.
    pub fn batch(&self, ids: Range<u64>) -> Result<RecordBatch> {
        self.batch_of(self.generator.rows(ids))
    }

    /// The same rows, before they are a batch.
    ///
    /// # Errors
    /// As [`Self::batch`].
    pub(crate) fn rows(&self, ids: Range<u64>) -> Result<Rows<'_>> {
        let are_all_read = self.encoders.iter().all(|(position, _)| position.is_some());
        if are_all_read && let Some(found) = self.generator.find(ids.clone()) {
            return Ok(Rows::Found { batches: self, found });
        }
        self.batch(ids).map(Rows::Made)
    }

    /// The batch of what was generated.
    fn batch_of(&self, columns: Vec<Column>) -> Result<RecordBatch> {
        let rows = columns.first().map_or(0, Column::len);
        let mut columns: Vec<_> = columns.into_iter().map(Some).collect();
        let arrays = self
            .encoders
            .iter()
            .map(|(position, encoder)| {
                let array = match position {
                    Some(position) => {
                        columns.get_mut(*position).and_then(Option::take).and_then(|column| encoder.array(column))
                    }
                    None => encoder.without_values(rows),
                };
                array.ok_or_else(|| self.misfit())
            })
            .collect::<Result<_>>()?;
        RecordBatch::try_new(self.schema(), arrays).map_err(|error| Error::Internal(error.to_string()))
    }

    fn misfit(&self) -> Error {
        Error::Internal(format!("columns of {} don't fit its schema", self.scan.table().name()))
    }

    /// The batches in order, those without rows left out.
    pub fn iter(&self) -> impl Iterator<Item = Result<RecordBatch>> + Send + '_ {
        self.of_ids(self.scan.ids())
    }

    /// The batches of a partition of the scan, in order, those without rows left out.
    pub fn of_ids(&self, ids: Range<u64>) -> impl Iterator<Item = Result<RecordBatch>> + Send + '_ {
        self.scan
            .for_ids(ids)
            .blocks()
            .map(|ids| self.batch(ids))
            .filter(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0))
    }
}
