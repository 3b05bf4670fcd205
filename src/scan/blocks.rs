//! Where a scan is cut: into blocks, each a record batch, and into partitions, each an endpoint and a row group.
//!
//! Cuts depend on the model, the table and the dates alone, so every split of the customers, every server and every
//! number of threads gives the same batches and the same files. A server whose memory is short sends blocks in parts,
//! cut at multiples within them: the same rows in more batches, whose marks tell which of them are one block.

use super::Scan;
use super::part::cut;
use crate::model::{Day, MAX_CUSTOMERS, Model};
use crate::tables::expected::RowsPerCustomer;
use crate::tables::{Kind, Table};
use std::ops::Range;

/// Bytes that a record batch with every column stays under: arrow-flight splits batches at 2 MiB, Go's gRPC refuses
/// messages over 4 MiB.
pub const TARGET_BATCH_BYTES: usize = 3 << 19;

/// Rows that a partition has, about.
pub const TARGET_PARTITION_ROWS: f64 = 1_048_576.0;

/// Parts that a full block has, a power of two: how finely it is cut where memory is short.
pub const PARTS_OF_BLOCK: u64 = 16;

/// Customers of a block, at most: half a millisecond's work where nearly none of them has a row.
const MAX_BLOCK_CUSTOMERS: u64 = 1 << 16;

/// Standard deviations that a block's rows may lie above their mean before its batch passes [`TARGET_BATCH_BYTES`].
const ROOM_SD: f64 = 6.0;

/// The rows of a customer on these days, and the customers of a block: the largest power of two whose batches stay small.
pub(super) fn sizes(model: &Model, table: Table, days: &Range<Day>) -> (RowsPerCustomer, u64) {
    let per_customer = RowsPerCustomer::new(model, table, days);
    let row_bytes = row_bytes(model, table);
    let mut block = MAX_BLOCK_CUSTOMERS;
    while block > 1 {
        let rows = per_customer.of(block);
        if (rows.rows + ROOM_SD * rows.sd) * row_bytes <= TARGET_BATCH_BYTES as f64 {
            break;
        }
        block /= 2;
    }
    (per_customer, block)
}

/// Bytes of a row in memory, at most, with text as Utf8.
fn row_bytes(model: &Model, table: Table) -> f64 {
    let column_bytes = |kind| match kind {
        Kind::Int64 | Kind::Float64 => 8.0,
        Kind::Int32 | Kind::Date => 4.0,
        Kind::Money => 16.0,
        Kind::Boolean => 0.125,
        Kind::Text(names) => 4.0 + names.of(model.parameters()).iter().map(|name| name.len()).max().unwrap_or(0) as f64,
    };
    table.columns().iter().map(|column| column_bytes(column.kind)).sum()
}

/// How a scan is cut into partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitions {
    /// By size: about [`TARGET_PARTITION_ROWS`] rows each, at multiples of the block.
    BySize,
    /// So many, of like numbers of customers. Cuts of n are among the cuts of every multiple of n.
    Count(u64),
}

impl Partitions {
    /// The most partitions that a scan is cut into: an answer that lists them stays under 4 MiB, the least that
    /// clients accept, and a Parquet file holds no more than 32,767 row groups.
    pub const MAX: u64 = 10_000;
}

impl Scan {
    /// The customers of each batch: cut at multiples of the block, whatever customers are asked for.
    pub fn blocks(&self) -> impl Iterator<Item = Range<u64>> + Send + use<> {
        cut_at_multiples(self.ids.clone(), self.block)
    }

    /// The same customers, to be cut into blocks or into parts of them.
    pub fn cuts(&self) -> Cuts {
        // What has no customers is begun again when it breaks, and must be cut as before.
        let least_parts =
            if self.table.has_customers() { (PARTS_OF_BLOCK / self.block).max(1) } else { PARTS_OF_BLOCK };
        Cuts { rest: self.ids.clone(), block: self.block, least_parts }
    }

    /// The customers of each partition, in order; together they are the scan. At least one, and at most
    /// [`Partitions::MAX`] where the count asked for keeps to that.
    pub fn partitions(&self, partitions: Partitions) -> Vec<Range<u64>> {
        let Range { start, end } = self.ids;
        match partitions {
            Partitions::Count(count) => {
                let (ids, count) = (start..end, count.max(1));
                (0..count).map(|index| cut(&ids, index, count)..cut(&ids, index + 1, count)).collect()
            }
            Partitions::BySize if start >= end => vec![start..end],
            Partitions::BySize => cut_at_multiples(start..end, self.partition_customers()).collect(),
        }
    }

    /// Customers of a partition cut by size: a multiple of the block.
    fn partition_customers(&self) -> u64 {
        let rows_of_block = self.rows_per_customer.of(self.block).rows;
        let most_blocks = MAX_CUSTOMERS / self.block;
        let blocks = (TARGET_PARTITION_ROWS / rows_of_block).round().clamp(1.0, most_blocks as f64) as u64;
        // Cuts at multiples can leave a short partition at each end.
        let least = (self.ids.end - self.ids.start).div_ceil(Partitions::MAX - 2);
        (blocks * self.block).max(least.next_multiple_of(self.block))
    }
}

/// Customers that are still to be cut into batches.
#[derive(Debug, Clone)]
pub struct Cuts {
    rest: Range<u64>,
    block: u64,
    least_parts: u64,
}

/// What one batch covers: a block, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Its customers.
    pub ids: Range<u64>,
    /// The first customer after the block that they are of.
    pub block_end: u64,
    /// How much it is, where a full block is [`PARTS_OF_BLOCK`].
    pub parts: u64,
}

impl Cuts {
    /// The parts of a full block that a batch has at least.
    pub fn least_parts(&self) -> u64 {
        self.least_parts
    }

    /// Takes the next customers: up to a multiple of so many parts of a block, rounded down to a power of two.
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

/// Cuts `ids` after every id that is a multiple of `step`.
fn cut_at_multiples(mut ids: Range<u64>, step: u64) -> impl Iterator<Item = Range<u64>> + Send {
    std::iter::from_fn(move || {
        let first = ids.start..end_of_first(&ids, step);
        ids.start = first.end;
        (!first.is_empty()).then_some(first)
    })
}

/// Where the first of the pieces ends that `ids` has between multiples of `step`.
fn end_of_first(ids: &Range<u64>, step: u64) -> u64 {
    ((ids.start - 1) / step + 1).saturating_mul(step).saturating_add(1).min(ids.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{DataSet, Laws};
    use std::sync::Arc;

    fn scan(table: Table, customers: u64) -> Scan {
        let laws = Arc::new(Laws::new(Model::saas_v1().unwrap()));
        Scan::whole(&DataSet::new(laws, 42, customers).unwrap(), table)
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
        let scan = scan(Table::UsageDaily, 3_000).for_ids(1_000..2_500);
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
    fn what_can_be_asked_for_in_part_is_cut_down_to_a_customer_and_the_rest_never() {
        let of_few = Scan { block: 8, ..scan(Table::Customers, 100) };
        let mut cuts = of_few.cuts();
        assert_eq!(cuts.least_parts(), 2);
        assert_eq!(cuts.take(1), Some(Cut { ids: 1..2, block_end: 9, parts: 2 }));
        let mut curves = scan(Table::RetentionCurves, 1).cuts();
        assert_eq!(curves.least_parts(), PARTS_OF_BLOCK);
        assert_eq!(curves.take(1), Some(Cut { ids: 1..5, block_end: 5, parts: 1 }));
    }

    #[test]
    fn block_sizes_of_the_default_model() {
        let blocks = Table::ALL.map(|table| scan(table, 100_000).block);
        assert_eq!(blocks, [32_768, 1_024, 2_048, 8_192, 64, 1_024]);
    }

    #[test]
    fn partitions_by_size_are_about_a_million_rows_at_multiples_of_the_block() {
        let parts = scan(Table::UsageDaily, 100_000).partitions(Partitions::BySize);
        assert_eq!(parts, [1..25_601, 25_601..51_201, 51_201..76_801, 76_801..100_001]);
        assert_eq!(scan(Table::Support, 100_000).partitions(Partitions::BySize), [1..100_001]);
        assert_eq!(scan(Table::RetentionCurves, 100_000).partitions(Partitions::BySize), [1..5]);
    }

    #[test]
    fn the_largest_data_set_has_no_more_partitions_than_an_answer_holds() {
        let parts = scan(Table::UsageDaily, MAX_CUSTOMERS).partitions(Partitions::BySize);
        assert!((9_000..=10_000).contains(&parts.len()), "{}", parts.len());
        assert_eq!(parts.last().map(|part| part.end), Some(MAX_CUSTOMERS + 1));
        let odd = scan(Table::UsageDaily, MAX_CUSTOMERS).for_ids(7..MAX_CUSTOMERS - 7);
        assert!(odd.partitions(Partitions::BySize).len() <= 10_000);
    }

    #[test]
    fn counted_partitions_are_the_whole_near_each_other_and_nest() {
        let scan = scan(Table::Billing, 1_003);
        let five = scan.partitions(Partitions::Count(5));
        let fifty = scan.partitions(Partitions::Count(50));
        assert_eq!(five, [1..201, 201..402, 402..602, 602..803, 803..1_004]);
        for (i, part) in five.iter().enumerate() {
            assert_eq!((part.start, part.end), (fifty[10 * i].start, fifty[10 * i + 9].end));
        }
        let few = scan.for_ids(1..3).partitions(Partitions::Count(4));
        assert_eq!(few, [1..1, 1..2, 2..2, 2..3]);
    }

    #[test]
    fn a_day_has_larger_blocks_than_the_whole() {
        let data_set = scan(Table::UsageDaily, 1).data_set;
        let (_, block) = sizes(data_set.model(), Table::UsageDaily, &(20_000..20_001));
        assert_eq!(block, MAX_BLOCK_CUSTOMERS);
    }
}
