//! The record batches of a scan.

use super::array_converter::ArrayConverter;
use super::schema;
use crate::error::{Error, Result};
use crate::models::{Column, ColumnMut, DeferredRows, Generator};
use crate::scan::Scan;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::ops::Range;

/// Generates the record batches of a scan, for blocks of customers in any order and on any thread.
///
/// ```
/// use saasgen::batches::Batches;
/// use saasgen::models::{DataSet, Model, saas_v1};
/// use saasgen::scan::Scan;
///
/// let data_set = DataSet::new(Model::saas_v1()?, 42, 1_000)?;
/// let batches = Batches::new(Scan::whole(&data_set, saas_v1::CUSTOMERS));
/// let rows: usize = batches.iter().map(|batch| batch.map_or(0, |batch| batch.num_rows())).sum();
/// assert_eq!(rows, 1_000);
/// # Ok::<(), saasgen::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Batches {
    scan: Scan,
    schema: SchemaRef,
    generator: Generator,
    /// For each column of the schema: its position among the generated columns, if it is generated, and its converter.
    columns: Vec<(Option<usize>, ArrayConverter)>,
}

impl Batches {
    /// Returns the batches of `scan`.
    pub fn new(scan: Scan) -> Self {
        let columns = scan
            .column_positions()
            .into_iter()
            .zip(scan.columns())
            .map(|(position, column)| (position, ArrayConverter::new(&scan, column.kind)))
            .collect();
        Self { schema: schema(&scan), generator: scan.generator(), columns, scan }
    }

    /// Returns the scan.
    pub fn scan(&self) -> &Scan {
        &self.scan
    }

    /// Returns the schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// Generates the rows of the customers in `ids`. The batch can have no rows. Its buffers have no spare capacity.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the columns don't fit the schema, which is a bug in this program.
    pub fn batch(&self, ids: Range<u64>) -> Result<RecordBatch> {
        self.batch_of(self.generator.rows(ids))
    }

    /// Generates the same rows as [`Self::batch`], and defers their columns if possible.
    ///
    /// # Errors
    /// See [`Self::batch`].
    pub(crate) fn rows(&self, ids: Range<u64>) -> Result<Rows<'_>> {
        let are_all_generated = self.columns.iter().all(|(position, _)| position.is_some());
        if are_all_generated && let Some(rows) = self.generator.deferred_rows(ids.clone()) {
            return Ok(Rows::Deferred { batches: self, rows });
        }
        self.batch(ids).map(Rows::Batch)
    }

    /// Returns the batch of generated columns.
    fn batch_of(&self, columns: Vec<Column>) -> Result<RecordBatch> {
        let rows = columns.first().map_or(0, Column::len);
        let mut columns: Vec<_> = columns.into_iter().map(Some).collect();
        let arrays = self
            .columns
            .iter()
            .map(|(position, converter)| {
                let array = match position {
                    Some(position) => {
                        columns.get_mut(*position).and_then(Option::take).and_then(|column| converter.array(column))
                    }
                    None => converter.without_values(rows),
                };
                array.ok_or_else(|| self.misfit())
            })
            .collect::<Result<_>>()?;
        RecordBatch::try_new(self.schema(), arrays).map_err(|error| Error::Internal(error.to_string()))
    }

    fn misfit(&self) -> Error {
        Error::Internal(format!("the generated columns of {} don't fit its schema", self.scan.table().name()))
    }

    /// Returns the batches of the scan, in order and without empty ones.
    pub fn iter(&self) -> impl Iterator<Item = Result<RecordBatch>> + Send + '_ {
        self.of_ids(self.scan.ids())
    }

    /// Returns the batches of the customers in `ids`, in order and without empty ones.
    pub fn of_ids(&self, ids: Range<u64>) -> impl Iterator<Item = Result<RecordBatch>> + Send + '_ {
        self.scan
            .for_ids(ids)
            .blocks()
            .map(|ids| self.batch(ids))
            .filter(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0))
    }

    /// Computes the columns of `rows` in `memory`, in the format of Arrow buffers.
    ///
    /// `memory` has one slice for each column, in the schema's order, with the column's size and alignment.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if a slice has another size or alignment, or if the values of a column are not
    /// numbers of fixed width.
    pub(crate) fn write(&self, rows: &dyn DeferredRows, memory: Vec<&mut [u8]>) -> Result<()> {
        let columns = self
            .columns
            .iter()
            .zip(memory)
            .map(|((position, converter), bytes)| Some(((*position)?, converter.column_in(bytes)?)));
        let columns: Option<Vec<(usize, ColumnMut<'_>)>> = columns.collect();
        let written = columns.and_then(|mut columns| {
            columns.sort_by_key(|&(position, _)| position);
            rows.write(columns.into_iter().map(|(_, column)| column).collect())
        });
        written.ok_or_else(|| self.misfit())
    }
}

/// The rows of a block of customers.
pub(crate) enum Rows<'a> {
    /// Rows whose columns are not computed yet. The caller can compute them in a batch, or in memory of its own.
    Deferred { batches: &'a Batches, rows: Box<dyn DeferredRows + 'a> },
    /// Rows as a batch. Most tables generate rows and columns together.
    Batch(RecordBatch),
}

impl Rows<'_> {
    /// Returns the number of rows.
    pub fn count(&self) -> usize {
        match self {
            Self::Deferred { rows, .. } => rows.rows(),
            Self::Batch(batch) => batch.num_rows(),
        }
    }

    /// Returns the rows as a batch.
    ///
    /// # Errors
    /// See [`Batches::batch`].
    pub fn into_batch(self) -> Result<RecordBatch> {
        match self {
            Self::Deferred { batches, rows } => batches.batch_of(rows.into_columns()),
            Self::Batch(batch) => Ok(batch),
        }
    }
}
