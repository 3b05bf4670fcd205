//! Blocks put together again that a server sent in parts.
//!
//! Pages of a Parquet file end where batches end, so files are the same byte for byte only where batches are.

use crate::error::{Error, Result};
use crate::scan::{BatchMark, TARGET_BATCH_BYTES};
use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use std::collections::VecDeque;

/// Parts that are more than twice what a block may be are no parts of one, whatever their marks say.
const MAX_BYTES: usize = 2 * TARGET_BATCH_BYTES;

/// Puts parts of blocks together, in order.
#[derive(Debug, Default)]
pub(super) struct WholeBlocks {
    whole: VecDeque<RecordBatch>,
    parts: Vec<RecordBatch>,
    /// The first customer after the block that the parts are of.
    block_end: u64,
    bytes: usize,
}

impl WholeBlocks {
    /// Takes a batch, the next after those before.
    ///
    /// # Errors
    /// As [`Self::end`].
    pub fn add(&mut self, batch: RecordBatch, mark: Option<BatchMark>) -> Result<()> {
        let BatchMark { next_id, block_end } = mark.unwrap_or_default();
        let block_end = block_end.max(next_id);
        let bytes = bytes_of(&batch);
        if block_end != self.block_end || self.bytes + bytes > MAX_BYTES {
            // The last parts of a block may have no rows, and don't come.
            self.end()?;
        }
        self.parts.push(batch);
        self.block_end = block_end;
        self.bytes += bytes;
        if block_end == next_id { self.end() } else { Ok(()) }
    }

    /// No more parts come of the last block.
    ///
    /// # Errors
    /// [`Error::Internal`] where the parts don't fit each other, which they do by their schema.
    pub fn end(&mut self) -> Result<()> {
        self.bytes = 0;
        let block = match &self.parts[..] {
            [] => return Ok(()),
            [whole] => whole.clone(),
            [first, ..] => concat_batches(first.schema_ref(), &self.parts)
                .map_err(|error| Error::Internal(format!("putting a block together: {error}")))?,
        };
        self.parts.clear();
        self.whole.push_back(block);
        Ok(())
    }

    /// The next block that is whole.
    pub fn next(&mut self) -> Option<RecordBatch> {
        self.whole.pop_front()
    }
}

/// Bytes of the values alone: buffers of one message are parts of one allocation, which would count once a buffer.
fn bytes_of(batch: &RecordBatch) -> usize {
    let of_column = |column: &dyn Array| column.to_data().get_slice_memory_size().unwrap_or(0);
    batch.columns().iter().map(|column| of_column(column.as_ref())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    fn batch(values: Vec<i64>) -> RecordBatch {
        RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(values)) as ArrayRef)]).unwrap()
    }

    fn mark(next_id: u64, block_end: u64) -> Option<BatchMark> {
        Some(BatchMark { next_id, block_end })
    }

    /// The first values of the blocks that are whole, and how many rows they have.
    fn taken(blocks: &mut WholeBlocks) -> Vec<(i64, usize)> {
        let first = |block: RecordBatch| (block.column(0).as_primitive::<Int64Type>().value(0), block.num_rows());
        std::iter::from_fn(|| blocks.next()).map(first).collect()
    }

    #[test]
    fn parts_are_put_together_and_whole_blocks_pass() {
        let mut blocks = WholeBlocks::default();
        blocks.add(batch(vec![1, 2]), mark(3, 0)).unwrap();
        assert_eq!(taken(&mut blocks), [(1, 2)]);
        blocks.add(batch(vec![3]), mark(4, 6)).unwrap();
        blocks.add(batch(vec![4]), mark(5, 6)).unwrap();
        assert_eq!(taken(&mut blocks), []);
        blocks.add(batch(vec![5]), mark(6, 0)).unwrap();
        assert_eq!(taken(&mut blocks), [(3, 3)]);
        blocks.end().unwrap();
        assert_eq!(taken(&mut blocks), []);
    }

    #[test]
    fn a_block_whose_last_parts_have_no_rows_ends_with_the_next_or_the_stream() {
        let mut blocks = WholeBlocks::default();
        blocks.add(batch(vec![1]), mark(3, 9)).unwrap();
        blocks.add(batch(vec![9, 10]), mark(12, 17)).unwrap();
        assert_eq!(taken(&mut blocks), [(1, 1)]);
        blocks.end().unwrap();
        assert_eq!(taken(&mut blocks), [(9, 2)]);
    }

    #[test]
    fn batches_without_marks_pass() {
        let mut blocks = WholeBlocks::default();
        for first in [1, 2] {
            blocks.add(batch(vec![first]), None).unwrap();
            assert_eq!(taken(&mut blocks), [(first, 1)]);
        }
    }

    #[test]
    fn parts_of_a_block_that_has_no_end_are_not_collected() {
        let mut blocks = WholeBlocks::default();
        let part = batch(vec![7; 50_000]);
        for number in 1..=100 {
            blocks.add(part.clone(), mark(number, u64::MAX)).unwrap();
            assert!(blocks.parts.len() * 400_000 <= MAX_BYTES);
        }
        assert!(taken(&mut blocks).len() > 10);
    }
}
