//! The size of a block: how many customers go into a record batch.

use crate::models::{Day, Kind, Model, RowsPerCustomer, Table};
use std::ops::Range;

/// The size that a record batch with every column stays below, in bytes.
///
/// arrow-flight splits batches at 2 MiB, and gRPC in Go rejects messages over 4 MiB.
pub const TARGET_BATCH_BYTES: usize = 3 << 19;

/// The most customers in a block. Generating them takes half a millisecond if almost none of them has a row.
const MAX_BLOCK_CUSTOMERS: u64 = 1 << 16;

/// The number of standard deviations by which a block can exceed its expected rows before its batch is larger than
/// [`TARGET_BATCH_BYTES`].
const MARGIN_SD: f64 = 6.0;

/// Returns the rows of a customer on `days`, and the customers of a block.
///
/// The size of a block is the largest power of two whose batches stay below [`TARGET_BATCH_BYTES`].
pub(super) fn block_size(model: &Model, table: Table, days: &Range<Day>) -> (RowsPerCustomer, u64) {
    let per_customer = model.rows_per_customer(table, days);
    let row_bytes = row_bytes(model, table);
    let mut block = MAX_BLOCK_CUSTOMERS;
    while block > 1 {
        let rows = per_customer.of(block);
        if (rows.rows + MARGIN_SD * rows.sd) * row_bytes <= TARGET_BATCH_BYTES as f64 {
            break;
        }
        block /= 2;
    }
    (per_customer, block)
}

/// Returns the largest size of a row in memory, in bytes, with text as Utf8.
fn row_bytes(model: &Model, table: Table) -> f64 {
    let column_bytes = |kind| match kind {
        Kind::Int64 | Kind::Float64 => 8.0,
        Kind::Int32 | Kind::Date => 4.0,
        Kind::Money => 16.0,
        Kind::Boolean => 0.125,
        Kind::Text(names) => 4.0 + model.names(names).iter().map(|name| name.len()).max().unwrap_or(0) as f64,
    };
    table.columns().iter().map(|column| column_bytes(column.kind)).sum()
}
