//! Scans: a request for rows is checked for a data set, and cut into blocks and partitions. Nothing is generated here.

mod block_size;
mod blocks;
mod encoding;
mod part;
mod request;
mod resolve;
mod whole_number;

pub use block_size::TARGET_BATCH_BYTES;
pub use blocks::{Cut, Cuts, PARTS_OF_BLOCK, Partitions, TARGET_PARTITION_ROWS};
pub use encoding::{Compression, Strings};
pub use part::Part;
pub use request::{AirportScan, BatchMark, KEYS, ScanRequest};
pub use resolve::RequestKind;
pub use whole_number::parse_whole_number;

use crate::models::{ColumnSet, ColumnSpec, DataSet, Day, Expected, Generator, RowsPerCustomer, Table};
use block_size::block_size;
use std::ops::Range;

/// A checked request: the rows of one table and their encoding.
#[derive(Debug, Clone)]
pub struct Scan {
    data_set: DataSet,
    table: Table,
    /// The ids of the customers, or the numbers of the sections if the table has no customers.
    ids: Range<u64>,
    days: Range<Day>,
    /// The indices of the columns in the table, in the order of the request.
    columns: Vec<usize>,
    strings: Strings,
    compression: Compression,
    /// The columns that DuckDB's Airport extension reads. It gets the other columns as placeholders.
    airport: Option<ColumnSet>,
    rows_per_customer: RowsPerCustomer,
    /// The number of customers in a block, whose rows are one batch.
    block: u64,
}

impl Scan {
    /// Returns the scan of all rows and columns of `table`.
    pub fn whole(data_set: &DataSet, table: Table) -> Self {
        let days = data_set.model().window().range();
        let (rows_per_customer, block) = block_size(data_set.model(), table, &days);
        Self {
            data_set: data_set.clone(),
            table,
            ids: data_set.ids(table),
            block,
            rows_per_customer,
            days,
            columns: (0..table.columns().len()).collect(),
            strings: Strings::default(),
            compression: Compression::default(),
            airport: None,
        }
    }

    /// Returns the data set.
    pub fn data_set(&self) -> &DataSet {
        &self.data_set
    }

    /// Returns the table.
    pub fn table(&self) -> Table {
        self.table
    }

    /// Returns the ids of the customers, or the numbers of the sections if the table has no customers.
    pub fn ids(&self) -> Range<u64> {
        self.ids.clone()
    }

    /// Returns the range of the table's date column.
    pub fn days(&self) -> Range<Day> {
        self.days.clone()
    }

    /// Returns the columns, in the order of the request.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &'static ColumnSpec> {
        self.columns.iter().map(|&index| &self.table.columns()[index])
    }

    /// Returns the position of each column among the generated columns, which are in the table's order. The position is
    /// `None` for placeholders.
    pub fn column_positions(&self) -> Vec<Option<usize>> {
        let generated: Vec<usize> = self.generated().indices().collect();
        let is_read = |index: usize| self.airport.is_none_or(|read| read.has(index));
        let position = |index: usize| generated.binary_search(&index).ok().filter(|_| is_read(index));
        self.columns.iter().map(|&index| position(index)).collect()
    }

    /// Returns the columns to generate. There is at least one, because its length is the number of rows.
    fn generated(&self) -> ColumnSet {
        let is_read = |index: &usize| self.airport.is_none_or(|read| read.has(*index));
        let mut read = self.columns.iter().copied().filter(is_read).peekable();
        match read.peek() {
            Some(_) => read.collect(),
            None => self.columns.iter().take(1).copied().collect(),
        }
    }

    /// Returns whether the scan is for DuckDB's Airport extension.
    pub fn is_airport(&self) -> bool {
        self.airport.is_some()
    }

    /// Returns the encoding of text columns.
    pub fn strings(&self) -> Strings {
        self.strings
    }

    /// Returns the compression of record batches on the wire.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Returns a generator of the rows.
    pub fn generator(&self) -> Generator {
        Generator::new(self.data_set.clone(), self.table, self.days.clone(), self.generated())
    }

    /// Returns the same scan for other customers, for example a partition.
    pub fn for_ids(&self, ids: Range<u64>) -> Self {
        Self { ids, ..self.clone() }
    }

    /// Returns the scan that DuckDB's Airport extension needs.
    ///
    /// It is restricted to `ids` and `days`. Only columns for which `read` is true have values. `read` takes the
    /// position of a column in the schema.
    pub fn for_airport(&self, ids: Range<u64>, days: Range<Day>, read: impl Fn(usize) -> bool) -> Self {
        let positions = self.columns.iter().enumerate();
        let airport = positions.filter(|(position, _)| read(*position)).map(|(_, &index)| index).collect();
        Self { ids, airport: Some(airport), ..self.clone() }.with_days(days)
    }

    /// Returns the same scan with another encoding of text columns.
    pub fn with_strings(&self, strings: Strings) -> Self {
        Self { strings, ..self.clone() }
    }

    /// Returns the same scan for other days, with blocks of another size.
    fn with_days(self, days: Range<Day>) -> Self {
        let (rows_per_customer, block) = block_size(self.data_set.model(), self.table, &days);
        Self { days, rows_per_customer, block, ..self }
    }

    /// Returns the same scan for one part of the customers. A table without customers is not split.
    pub fn part(&self, part: Part) -> Self {
        if self.table.has_customers() { self.for_ids(part.of(self.ids())) } else { self.clone() }
    }

    /// Returns the expected number of rows, in closed form.
    pub fn expected_rows(&self) -> Expected {
        self.rows_per_customer.of(self.ids.end - self.ids.start)
    }

    /// Returns the number of rows, if it is known without generating them.
    pub fn exact_rows(&self) -> Option<u64> {
        let customers = self.ids.end - self.ids.start;
        match customers == 0 || self.days.is_empty() {
            true => Some(0),
            false => self.rows_per_customer.exactly_of(customers),
        }
    }
}
