//! Rows that are known, before they are a record batch.

use super::Batches;
use crate::error::Result;
use crate::tables::{ColumnMut, Found};
use arrow::array::RecordBatch;

/// The rows of some customers.
pub(crate) enum Rows<'a> {
    /// Whose columns are yet to be made: in a batch, or where something else has room for them.
    Found { batches: &'a Batches, found: Found<'a> },
    /// As a batch, as most tables make them.
    Made(RecordBatch),
}

impl Rows<'_> {
    /// How many they are.
    pub fn count(&self) -> usize {
        match self {
            Self::Found { found, .. } => found.rows(),
            Self::Made(batch) => batch.num_rows(),
        }
    }

    /// The batch that they are.
    ///
    /// # Errors
    /// As [`Batches::batch`].
    pub fn into_batch(self) -> Result<RecordBatch> {
        match self {
            Self::Found { batches, found } => batches.batch_of(found.into_columns()),
            Self::Made(batch) => Ok(batch),
        }
    }
}

impl Batches {
    /// Makes the columns of `found` in `memory`, as the buffers of its batch would hold them: one a column, in the
    /// schema's order, each of its column's size and aligned for it.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] where they are not, or a column's values are not numbers of a fixed width.
    pub(crate) fn write(&self, found: &Found<'_>, memory: Vec<&mut [u8]>) -> Result<()> {
        let columns = self
            .encoders
            .iter()
            .zip(memory)
            .map(|((position, encoder), bytes)| Some(((*position)?, encoder.slots(bytes)?)));
        let columns: Option<Vec<(usize, ColumnMut<'_>)>> = columns.collect();
        let written = columns.and_then(|mut columns| {
            columns.sort_by_key(|&(position, _)| position);
            found.write(columns.into_iter().map(|(_, column)| column))
        });
        written.ok_or_else(|| self.misfit())
    }
}
