//! Joins the parts of blocks that a server with little memory left has split.
//!
//! The pages of a Parquet file end where batches end. So files are the same, byte for byte, only if the batches are.

use crate::error::{Error, Result};
use crate::scan::{BatchMark, TARGET_BATCH_BYTES};
use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use std::collections::VecDeque;

/// The limit of a block's size. More bytes than twice the target are no block, whatever the marks say, and collecting
/// them would let a faulty server exhaust the memory.
const MAX_BYTES: usize = 2 * TARGET_BATCH_BYTES;

/// Joins parts of blocks, in order.
#[derive(Debug, Default)]
pub(super) struct BlockAssembler {
    blocks: VecDeque<RecordBatch>,
    parts: Vec<RecordBatch>,
    /// The first customer after the block to which the parts belong.
    block_end: u64,
    part_bytes: usize,
}

impl BlockAssembler {
    /// Adds the next batch: a block, or a part of one.
    ///
    /// # Errors
    /// Returns the errors of [`Self::finish_block`].
    pub fn add(&mut self, batch: RecordBatch, mark: Option<BatchMark>) -> Result<()> {
        let BatchMark { next_id, block_end } = mark.unwrap_or_default();
        let block_end = block_end.max(next_id);
        let bytes = value_bytes(&batch);
        if block_end != self.block_end || self.part_bytes + bytes > MAX_BYTES {
            // The last parts of a block are not sent if they have no rows.
            self.finish_block()?;
        }
        self.parts.push(batch);
        self.block_end = block_end;
        self.part_bytes += bytes;
        if block_end == next_id { self.finish_block() } else { Ok(()) }
    }

    /// Joins the parts so far into a block. Does nothing if there are none.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the schemas of the parts differ, which the caller has ruled out.
    pub fn finish_block(&mut self) -> Result<()> {
        self.part_bytes = 0;
        let block = match &self.parts[..] {
            [] => return Ok(()),
            [whole] => whole.clone(),
            [first, ..] => concat_batches(first.schema_ref(), &self.parts)
                .map_err(|error| Error::Internal(format!("joining the parts of a block: {error}")))?,
        };
        self.parts.clear();
        self.blocks.push_back(block);
        Ok(())
    }

    /// Returns the next complete block, or `None` if more parts are needed.
    pub fn next_block(&mut self) -> Option<RecordBatch> {
        self.blocks.pop_front()
    }
}

/// Returns the bytes of the values. The sizes of the buffers can't be added: all buffers of a message share one
/// allocation.
fn value_bytes(batch: &RecordBatch) -> usize {
    let column_bytes = |column: &dyn Array| column.to_data().get_slice_memory_size().unwrap_or(0);
    batch.columns().iter().map(|column| column_bytes(column.as_ref())).sum()
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

    /// Takes the complete blocks, and returns the first value and the number of rows of each.
    fn take_all(blocks: &mut BlockAssembler) -> Vec<(i64, usize)> {
        let first = |block: RecordBatch| (block.column(0).as_primitive::<Int64Type>().value(0), block.num_rows());
        std::iter::from_fn(|| blocks.next_block()).map(first).collect()
    }

    #[test]
    fn parts_are_joined_and_whole_blocks_pass_unchanged() {
        let mut blocks = BlockAssembler::default();
        blocks.add(batch(vec![1, 2]), mark(3, 0)).unwrap();
        assert_eq!(take_all(&mut blocks), [(1, 2)]);
        blocks.add(batch(vec![3]), mark(4, 6)).unwrap();
        blocks.add(batch(vec![4]), mark(5, 6)).unwrap();
        assert_eq!(take_all(&mut blocks), []);
        blocks.add(batch(vec![5]), mark(6, 0)).unwrap();
        assert_eq!(take_all(&mut blocks), [(3, 3)]);
        blocks.finish_block().unwrap();
        assert_eq!(take_all(&mut blocks), []);
    }

    #[test]
    fn a_block_without_its_last_parts_ends_at_the_next_block_or_the_end_of_the_stream() {
        let mut blocks = BlockAssembler::default();
        blocks.add(batch(vec![1]), mark(3, 9)).unwrap();
        blocks.add(batch(vec![9, 10]), mark(12, 17)).unwrap();
        assert_eq!(take_all(&mut blocks), [(1, 1)]);
        blocks.finish_block().unwrap();
        assert_eq!(take_all(&mut blocks), [(9, 2)]);
    }

    #[test]
    fn batches_without_marks_pass_unchanged() {
        let mut blocks = BlockAssembler::default();
        for first in [1, 2] {
            blocks.add(batch(vec![first]), None).unwrap();
            assert_eq!(take_all(&mut blocks), [(first, 1)]);
        }
    }

    #[test]
    fn parts_of_an_endless_block_are_not_collected() {
        let mut blocks = BlockAssembler::default();
        let part = batch(vec![7; 50_000]);
        for number in 1..=100 {
            blocks.add(part.clone(), mark(number, u64::MAX)).unwrap();
            assert!(blocks.parts.len() * 400_000 <= MAX_BYTES);
        }
        assert!(take_all(&mut blocks).len() > 10);
    }
}
