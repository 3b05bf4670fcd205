//! Cuts a scan into blocks and partitions. A block becomes a record batch. A partition becomes a Flight endpoint, or a
//! row group of a file.
//!
//! The cuts depend only on the model, the table and the dates. So batches and files are the same for every split of the
//! customers, every server and every number of threads. A server that is short of memory sends a block in parts: the
//! same rows in more batches, whose marks tell which batches belong to one block.

use super::Scan;
use super::part::cut;
use crate::models::MAX_CUSTOMERS;
use std::ops::Range;

/// The approximate number of rows in a partition.
pub const TARGET_PARTITION_ROWS: f64 = 1_048_576.0;

/// The number of parts in a full block: the finest cut of a block when memory is short. It is a power of two.
pub const PARTS_OF_BLOCK: u64 = 16;

/// The way to cut a scan into partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitions {
    /// Partitions of about [`TARGET_PARTITION_ROWS`] rows, cut at multiples of the block.
    BySize,
    /// At most this number of partitions, with nearly equal numbers of customers. There are fewer only if the scan has
    /// fewer customers: then each has a partition of its own. The cuts for n partitions are among the cuts for every
    /// multiple of n.
    AtMost(u64),
}

impl Partitions {
    /// The most partitions of a scan.
    ///
    /// With this limit, a FlightInfo with all endpoints stays below 4 MiB, which every client accepts. A Parquet file
    /// has at most 32,767 row groups.
    pub const MAX: u64 = 10_000;
}

impl Scan {
    /// Returns the customers of each batch. The cuts are at multiples of the block, for any range of customers.
    pub fn blocks(&self) -> impl Iterator<Item = Range<u64>> + Send + use<> {
        cut_at_multiples(self.ids.clone(), self.block)
    }

    /// Returns the customers of the scan for cutting into blocks or parts of blocks.
    pub fn cuts(&self) -> Cuts {
        // A stream without customers restarts from its beginning after a failure, so its cuts must not change.
        let least_parts =
            if self.table.has_customers() { (PARTS_OF_BLOCK / self.block).max(1) } else { PARTS_OF_BLOCK };
        Cuts { rest: self.ids.clone(), block: self.block, least_parts }
    }

    /// Returns the customers of each partition, in order. Together the partitions are the whole scan.
    ///
    /// There is at least one partition. No partition is empty, unless the scan is. A scan without customers is one
    /// partition, because a ticket can't name a part of it. There are at most [`Partitions::MAX`], unless
    /// [`Partitions::AtMost`] is larger.
    pub fn partitions(&self, partitions: Partitions) -> Vec<Range<u64>> {
        let ids = self.ids();
        if ids.is_empty() || !self.table.has_customers() {
            return vec![ids];
        }
        match partitions {
            Partitions::AtMost(most) => {
                let count = most.clamp(1, ids.end - ids.start);
                (0..count).map(|index| cut(&ids, index, count)..cut(&ids, index + 1, count)).collect()
            }
            Partitions::BySize => cut_at_multiples(ids, self.partition_customers()).collect(),
        }
    }

    /// Returns the customers of a partition that is cut by size. The number is a multiple of the block.
    fn partition_customers(&self) -> u64 {
        let rows_of_block = self.rows_per_customer.of(self.block).rows;
        let max_blocks = MAX_CUSTOMERS / self.block;
        let blocks = (TARGET_PARTITION_ROWS / rows_of_block).round().clamp(1.0, max_blocks as f64) as u64;
        // There can be a short partition at each end.
        let least = (self.ids.end - self.ids.start).div_ceil(Partitions::MAX - 2);
        (blocks * self.block).max(least.next_multiple_of(self.block))
    }
}

/// The customers of a scan that are not cut into batches yet.
#[derive(Debug, Clone)]
pub struct Cuts {
    rest: Range<u64>,
    block: u64,
    least_parts: u64,
}

/// The customers of one batch: a block or a part of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The customers.
    pub ids: Range<u64>,
    /// The first customer after the block.
    pub block_end: u64,
    /// The size in parts. A full block has [`PARTS_OF_BLOCK`] parts.
    pub parts: u64,
}

impl Cuts {
    /// Returns the least number of parts in a batch.
    pub fn least_parts(&self) -> u64 {
        self.least_parts
    }

    /// Takes the customers of the next batch.
    ///
    /// `parts` is rounded down to a power of two. The batch ends at the next multiple of that many parts.
    pub fn take(&mut self, parts: u64) -> Option<Cut> {
        let parts = parts.clamp(self.least_parts, PARTS_OF_BLOCK);
        let step = ((self.block << parts.ilog2()) / PARTS_OF_BLOCK).max(1);
        let ids = cut_at_multiples(self.rest.clone(), step).next()?;
        let block_end = end_of_first(&self.rest, self.block);
        self.rest.start = ids.end;
        let parts = ((ids.end - ids.start) * PARTS_OF_BLOCK).div_ceil(self.block);
        Some(Cut { ids, block_end, parts })
    }
}

/// Cuts `ids` after each id that is a multiple of `step`.
fn cut_at_multiples(mut ids: Range<u64>, step: u64) -> impl Iterator<Item = Range<u64>> + Send {
    std::iter::from_fn(move || {
        let first = ids.start..end_of_first(&ids, step);
        ids.start = first.end;
        (!first.is_empty()).then_some(first)
    })
}

/// Returns the end of the first range of [`cut_at_multiples`].
fn end_of_first(ids: &Range<u64>, step: u64) -> u64 {
    ((ids.start - 1) / step + 1).saturating_mul(step).saturating_add(1).min(ids.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{DataSet, Model, Table, saas_v1};
    use crate::scan::block_size::block_size;

    fn scan(table: Table, customers: u64) -> Scan {
        let model = Model::saas_v1().unwrap();
        Scan::whole(&DataSet::new(model, 42, customers).unwrap(), table)
    }

    #[test]
    fn blocks_are_cut_at_the_same_ids_in_every_split() {
        let ids = |range: Range<u64>| cut_at_multiples(range, 100).collect::<Vec<_>>();
        assert_eq!(ids(1..251), [1..101, 101..201, 201..251]);
        assert_eq!(ids(150..300), [150..201, 201..300]);
        assert_eq!(ids(100..102), [100..101, 101..102]);
        assert_eq!(ids(5..5), []);
    }

    #[test]
    fn cuts_of_any_size_nest_in_the_blocks() {
        let scan = scan(saas_v1::USAGE_DAILY, 3_000).for_ids(1_000..2_500);
        let mut cuts = scan.cuts();
        let mut take = |parts| cuts.take(parts).map(|cut| (cut.ids, cut.block_end, cut.parts));
        assert_eq!(take(16), Some((1_000..1_025, 1_025, 1)));
        assert_eq!(take(1), Some((1_025..1_089, 2_049, 1)));
        assert_eq!(take(7), Some((1_089..1_281, 2_049, 3)));
        assert_eq!(take(16), Some((1_281..2_049, 2_049, 12)));
        assert_eq!(take(8), Some((2_049..2_500, 2_500, 8)));
        assert_eq!(take(1), None);
        let mut whole = scan.cuts();
        let blocks: Vec<_> = std::iter::from_fn(|| whole.take(PARTS_OF_BLOCK)).map(|cut| cut.ids).collect();
        assert_eq!(blocks, scan.blocks().collect::<Vec<_>>());
    }

    #[test]
    fn a_batch_has_at_least_one_customer_and_curves_are_always_cut_alike() {
        let small_blocks = Scan { block: 8, ..scan(saas_v1::CUSTOMERS, 100) };
        let mut cuts = small_blocks.cuts();
        assert_eq!(cuts.least_parts(), 2);
        assert_eq!(cuts.take(1), Some(Cut { ids: 1..2, block_end: 9, parts: 2 }));
        let mut curves = scan(saas_v1::RETENTION_CURVES, 1).cuts();
        assert_eq!(curves.least_parts(), PARTS_OF_BLOCK);
        assert_eq!(curves.take(1), Some(Cut { ids: 1..5, block_end: 5, parts: 1 }));
    }

    #[test]
    fn block_sizes_of_the_default_model() {
        let blocks = saas_v1::TABLES.map(|table| scan(table, 100_000).block);
        assert_eq!(blocks, [32_768, 1_024, 2_048, 8_192, 64, 1_024]);
    }

    #[test]
    fn partitions_by_size_are_about_a_million_rows_at_multiples_of_the_block() {
        let parts = scan(saas_v1::USAGE_DAILY, 100_000).partitions(Partitions::BySize);
        assert_eq!(parts, [1..25_601, 25_601..51_201, 51_201..76_801, 76_801..100_001]);
        assert_eq!(scan(saas_v1::SUPPORT, 100_000).partitions(Partitions::BySize), [1..100_001]);
        assert_eq!(scan(saas_v1::RETENTION_CURVES, 100_000).partitions(Partitions::BySize), [1..5]);
    }

    #[test]
    fn the_largest_data_set_keeps_to_the_limit_of_partitions() {
        let parts = scan(saas_v1::USAGE_DAILY, MAX_CUSTOMERS).partitions(Partitions::BySize);
        assert!((9_000..=10_000).contains(&parts.len()), "{}", parts.len());
        assert_eq!(parts.last().map(|part| part.end), Some(MAX_CUSTOMERS + 1));
        let odd = scan(saas_v1::USAGE_DAILY, MAX_CUSTOMERS).for_ids(7..MAX_CUSTOMERS - 7);
        assert!(odd.partitions(Partitions::BySize).len() <= 10_000);
    }

    #[test]
    fn counted_partitions_cover_the_scan_have_similar_sizes_and_nest() {
        let scan = scan(saas_v1::BILLING, 1_003);
        let five = scan.partitions(Partitions::AtMost(5));
        let fifty = scan.partitions(Partitions::AtMost(50));
        assert_eq!(five, [1..201, 201..402, 402..602, 602..803, 803..1_004]);
        for (i, part) in five.iter().enumerate() {
            assert_eq!((part.start, part.end), (fifty[10 * i].start, fifty[10 * i + 9].end));
        }
    }

    #[test]
    fn no_partition_is_empty_unless_the_scan_is() {
        let count = |scan: &Scan, most| scan.partitions(Partitions::AtMost(most));
        let billing = scan(saas_v1::BILLING, 5);
        assert_eq!(count(&billing, 10), [1..2, 2..3, 3..4, 4..5, 5..6]);
        assert_eq!(count(&billing, 0), [1..6]);
        assert_eq!(count(&billing.for_ids(3..3), 10), [3..3]);
        let curves = scan(saas_v1::RETENTION_CURVES, 5);
        assert_eq!((count(&curves, 8), curves.partitions(Partitions::BySize)), (vec![1..5], vec![1..5]));
    }

    #[test]
    fn a_single_day_has_the_largest_blocks() {
        let data_set = scan(saas_v1::USAGE_DAILY, 1).data_set;
        let (_, block) = block_size(data_set.model(), saas_v1::USAGE_DAILY, &(20_000..20_001));
        assert_eq!(block, 1 << 16);
    }
}
