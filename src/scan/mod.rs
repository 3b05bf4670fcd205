//! Which rows: a request, checked against a data set, cut into blocks and partitions. Pure: nothing is generated here.

mod blocks;
mod part;
mod request;
mod resolve;

pub use blocks::{Cut, Cuts, PARTS_OF_BLOCK, Partitions, TARGET_BATCH_BYTES, TARGET_PARTITION_ROWS};
pub use part::Part;
pub use request::{AirportScan, BatchMark, KEYS, ScanRequest};
pub use resolve::{Compression, Naming, Strings};

use crate::model::Day;
use crate::tables::expected::{Expected, RowsPerCustomer};
use crate::tables::{ColumnSet, ColumnSpec, DataSet, Generator, Table};
use std::ops::Range;

/// A checked request: rows of one table, and how to encode them.
#[derive(Debug, Clone)]
pub struct Scan {
    data_set: DataSet,
    table: Table,
    /// Ids asked for: of customers, of plans where the table has no customers.
    ids: Range<u64>,
    days: Range<Day>,
    /// Indices into the table's columns, in the order wanted.
    columns: Vec<usize>,
    strings: Strings,
    compression: Compression,
    /// The columns that DuckDB's Airport extension will read; it gets the others without their values.
    airport: Option<ColumnSet>,
    rows_per_customer: RowsPerCustomer,
    /// Customers whose rows one batch holds.
    block: u64,
}

impl Scan {
    /// Every row and column of `table`.
    pub fn whole(data_set: &DataSet, table: Table) -> Self {
        let days = data_set.model().window().range();
        let (rows_per_customer, block) = blocks::sizes(data_set.model(), table, &days);
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

    /// The data set that the rows are of.
    pub fn data_set(&self) -> &DataSet {
        &self.data_set
    }

    /// The table that the rows are of.
    pub fn table(&self) -> Table {
        self.table
    }

    /// The customers asked for; the plans, of a table that has no customers.
    pub fn ids(&self) -> Range<u64> {
        self.ids.clone()
    }

    /// The dates asked for, by the table's date column.
    pub fn days(&self) -> Range<Day> {
        self.days.clone()
    }

    /// The columns asked for, in the order wanted.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &'static ColumnSpec> {
        self.columns.iter().map(|&index| &self.table.columns()[index])
    }

    /// Where each wanted column stands among the generated ones, which come in the table's order; `None` of one that is
    /// sent without its values.
    pub fn column_positions(&self) -> Vec<Option<usize>> {
        let generated: Vec<usize> = self.generated().indices().collect();
        let is_read = |index: usize| self.airport.is_none_or(|read| read.has(index));
        let position = |index: usize| generated.binary_search(&index).ok().filter(|_| is_read(index));
        self.columns.iter().map(|&index| position(index)).collect()
    }

    /// The columns that are generated. One at least, or nobody would know how many rows there are.
    fn generated(&self) -> ColumnSet {
        let is_read = |index: &usize| self.airport.is_none_or(|read| read.has(*index));
        let mut read = self.columns.iter().copied().filter(is_read).peekable();
        match read.peek() {
            Some(_) => read.collect(),
            None => self.columns.iter().take(1).copied().collect(),
        }
    }

    /// Whether it is for DuckDB's Airport extension.
    pub fn is_airport(&self) -> bool {
        self.airport.is_some()
    }

    /// How text columns are encoded.
    pub fn strings(&self) -> Strings {
        self.strings
    }

    /// How record batches are compressed on the wire.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// A generator of the rows.
    pub fn generator(&self) -> Generator {
        Generator::new(self.data_set.clone(), self.table, self.days.clone(), self.generated())
    }

    /// The same scan for other customers: a partition of it.
    pub fn for_ids(&self, ids: Range<u64>) -> Self {
        Self { ids, ..self.clone() }
    }

    /// What of the scan DuckDB's Airport extension wants: some customers and days of it, and the values of the columns
    /// at these places in its schema.
    pub fn for_airport(&self, ids: Range<u64>, days: Range<Day>, read: impl Fn(usize) -> bool) -> Self {
        let places = self.columns.iter().enumerate();
        let airport = places.filter(|(place, _)| read(*place)).map(|(_, &index)| index).collect();
        Self { ids, airport: Some(airport), ..self.clone() }.with_days(days)
    }

    /// The same scan with text columns encoded as `strings`.
    pub fn with_strings(&self, strings: Strings) -> Self {
        Self { strings, ..self.clone() }
    }

    /// The same scan for other days, which blocks depend on.
    fn with_days(self, days: Range<Day>) -> Self {
        let (rows_per_customer, block) = blocks::sizes(self.data_set.model(), self.table, &days);
        Self { days, rows_per_customer, block, ..self }
    }

    /// The same scan for one part of its customers; of a table that has none, the whole.
    pub fn part(&self, part: Part) -> Self {
        if self.table.has_customers() { self.for_ids(part.of(self.ids())) } else { self.clone() }
    }

    /// The number of rows, in closed form.
    pub fn expected_rows(&self) -> Expected {
        self.rows_per_customer.of(self.ids.end - self.ids.start)
    }

    /// The number of rows, where it is known without generating them.
    pub fn exact_rows(&self) -> Option<u64> {
        let whole_window = self.days == self.data_set.model().window().range();
        match self.table {
            _ if self.ids.is_empty() || self.days.is_empty() => Some(0),
            Table::Customers if whole_window => Some(self.ids.end - self.ids.start),
            Table::RetentionCurves => {
                Some((self.ids.end - self.ids.start) * u64::from(self.data_set.model().window().days))
            }
            _ => None,
        }
    }
}
