//! Tables in memory, and functions to edit them.

use crate::support::{dates, int32, int64, text};
use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use arrow::compute::{concat_batches, filter_record_batch, max, min, take_record_batch};
use arrow::datatypes::{Int64Type, Schema, SchemaRef};
use saasgen::batches::TableSource;
use saasgen::error::Result;
use saasgen::models::Table;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A table in memory, usually with edited values.
pub struct MemoryTable {
    table: Table,
    /// The batches of each row group.
    row_groups: Vec<Vec<RecordBatch>>,
    declares_order: bool,
}

impl MemoryTable {
    /// Returns a table with one row group, which declares that it is sorted.
    pub fn new(table: Table, rows: RecordBatch) -> Self {
        Self { table, row_groups: vec![vec![rows]], declares_order: true }
    }

    /// Returns a table with one batch for each row group, which doesn't declare an order.
    pub fn with_row_groups(table: Table, row_groups: Vec<RecordBatch>) -> Self {
        Self::with_batches(table, row_groups.into_iter().map(|rows| vec![rows]).collect())
    }

    /// Returns a table with the batches of each row group, which doesn't declare an order.
    pub fn with_batches(table: Table, row_groups: Vec<Vec<RecordBatch>>) -> Self {
        Self { table, row_groups, declares_order: false }
    }
}

impl TableSource for MemoryTable {
    fn table(&self) -> Table {
        self.table
    }

    fn schema(&self) -> SchemaRef {
        self.row_groups[0][0].schema()
    }

    fn declares_order(&self) -> bool {
        self.declares_order
    }

    fn row_groups(&self) -> usize {
        self.row_groups.len()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.row_groups.iter().flatten().map(|rows| rows.num_rows() as u64).sum())
    }

    fn customer_ids(&self, row_group: usize) -> Option<RangeInclusive<i64>> {
        let ids = |rows: &RecordBatch| {
            let ids = rows.column_by_name("customer_id")?.as_primitive_opt::<Int64Type>()?;
            Some((min(ids)?, max(ids)?))
        };
        let ends = self.row_groups[row_group].iter().filter_map(ids);
        let (first, last) = ends.reduce(|before, after| (before.0.min(after.0), before.1.max(after.1)))?;
        Some(first..=last)
    }

    fn batches(&self, row_group: usize) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>> {
        Ok(Box::new(self.row_groups[row_group].iter().cloned().map(Ok)))
    }
}

/// Returns the rows with the column replaced.
pub fn with_column(rows: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let index = rows.schema().index_of(name).unwrap();
    let mut columns = rows.columns().to_vec();
    columns[index] = column;
    let fields =
        rows.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect::<Vec<_>>();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// Returns the rows with a column of dates edited.
pub fn with_dates(rows: &RecordBatch, name: &str, edit: impl FnOnce(&mut Vec<i32>)) -> RecordBatch {
    let mut values = dates(rows, name).to_vec();
    edit(&mut values);
    with_column(rows, name, Arc::new(Date32Array::from(values)))
}

/// Returns the rows with a column of 32-bit numbers edited.
pub fn with_numbers(rows: &RecordBatch, name: &str, edit: impl FnOnce(&mut Vec<i32>)) -> RecordBatch {
    let mut values = int32(rows, name).to_vec();
    edit(&mut values);
    with_column(rows, name, Arc::new(Int32Array::from(values)))
}

/// Returns the rows with a column of 64-bit numbers edited.
pub fn with_ids(rows: &RecordBatch, name: &str, edit: impl FnOnce(&mut Vec<i64>)) -> RecordBatch {
    let mut values = int64(rows, name).to_vec();
    edit(&mut values);
    with_column(rows, name, Arc::new(Int64Array::from(values)))
}

/// Returns the rows with a column of text edited.
pub fn with_text(rows: &RecordBatch, name: &str, edit: impl FnOnce(&mut Vec<String>)) -> RecordBatch {
    let mut values = text(rows, name);
    edit(&mut values);
    with_column(rows, name, Arc::new(StringArray::from(values)))
}

/// Returns the rows without those for which `drop` is true.
pub fn without(rows: &RecordBatch, drop: impl Fn(usize) -> bool) -> RecordBatch {
    filter_record_batch(rows, &BooleanArray::from_iter((0..rows.num_rows()).map(|row| Some(!drop(row))))).unwrap()
}

/// Returns the rows with row `row` duplicated.
pub fn twice(rows: &RecordBatch, row: u32) -> RecordBatch {
    let order = (0..rows.num_rows() as u32).flat_map(|own| if own == row { vec![own, own] } else { vec![own] });
    take_record_batch(rows, &UInt32Array::from_iter_values(order)).unwrap()
}

/// Returns the rows of customers with odd ids from `odd`, and with even ids from `even`.
pub fn by_parity(odd: &RecordBatch, even: &RecordBatch) -> RecordBatch {
    let with_parity = |rows: &RecordBatch, parity: i64| {
        let ids = int64(rows, "customer_id").to_vec();
        without(rows, |row| ids[row] % 2 != parity)
    };
    let both = concat_batches(&odd.schema(), &[with_parity(odd, 1), with_parity(even, 0)]).unwrap();
    let mut order: Vec<u32> = (0..both.num_rows() as u32).collect();
    let ids = int64(&both, "customer_id");
    order.sort_by_key(|&row| ids[row as usize]);
    take_record_batch(&both, &UInt32Array::from(order)).unwrap()
}
