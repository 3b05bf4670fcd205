//! The rows of a table as plain columns.

use super::key_columns::KeyColumns;
use crate::models::{Column, Day, Kind, Model, Table, date_of};
use std::ops::Range;

/// The code of a name that the model doesn't have. A list of the model has at most 100 names.
pub const UNKNOWN: u8 = u8::MAX;

/// The sort key of a row: the values of the [`KeyColumns`], or 0 where there are fewer. If the table has customers, the
/// first value is the customer.
pub type RowKey = (i64, i64, i64);

/// Rows of one table as columns, in the table's order of columns.
#[derive(Debug, Clone)]
pub struct Rows {
    table: Table,
    keys: KeyColumns,
    columns: Vec<Column>,
    len: usize,
}

/// Evaluates an expression on the values of a column of any kind.
macro_rules! on_values {
    ($column:expr, $values:ident => $do:expr) => {
        match $column {
            Column::Int64($values) => $do,
            Column::Int32($values) | Column::Date($values) => $do,
            Column::Text($values) => $do,
            Column::Money($values) => $do,
            Column::Float64($values) => $do,
            Column::Boolean($values) => $do,
        }
    };
}

/// Defines a method that returns the values of a column of one kind. For a column of another kind it returns none,
/// which is a bug in the caller.
macro_rules! accessor {
    ($name:ident, $kind:pat => $values:ident, $type:ty) => {
        pub fn $name(&self, column: usize) -> &[$type] {
            match &self.columns[column] {
                $kind => $values,
                _ => &[],
            }
        }
    };
}

impl Rows {
    /// Returns no rows.
    pub fn empty(table: Table) -> Self {
        let column = |kind| match kind {
            Kind::Int64 => Column::Int64(Vec::new()),
            Kind::Int32 => Column::Int32(Vec::new()),
            Kind::Date => Column::Date(Vec::new()),
            Kind::Text(_) => Column::Text(Vec::new()),
            Kind::Money => Column::Money(Vec::new()),
            Kind::Float64 => Column::Float64(Vec::new()),
            Kind::Boolean => Column::Boolean(Vec::new()),
        };
        Self::new(table, table.columns().iter().map(|spec| column(spec.kind)).collect())
    }

    /// Wraps columns that are the first columns of `table` and have the same length.
    pub fn new(table: Table, columns: Vec<Column>) -> Self {
        let len = columns.first().map_or(0, |column| on_values!(column, values => values.len()));
        Self { table, keys: KeyColumns::of(table), columns, len }
    }

    pub fn table(&self) -> Table {
        self.table
    }

    pub fn len(&self) -> usize {
        self.len
    }

    accessor!(int64, Column::Int64(values) => values, i64);
    accessor!(int32, Column::Int32(values) => values, i32);
    accessor!(dates, Column::Date(values) => values, i32);
    accessor!(text, Column::Text(values) => values, u8);
    accessor!(money, Column::Money(values) => values, i128);
    accessor!(floats, Column::Float64(values) => values, f64);
    accessor!(booleans, Column::Boolean(values) => values, bool);

    /// Returns the customer of each row. A table without customers has none.
    pub fn customers(&self) -> &[i64] {
        self.keys.customer.map_or(&[], |column| self.int64(column))
    }

    /// Returns the first and the last date. Returns `None` if there are no rows or no dates.
    pub fn date_range(&self) -> Option<(Day, Day)> {
        let column = self.table.columns().iter().position(|column| column.kind == Kind::Date)?;
        let dates = self.dates(column);
        Some((*dates.iter().min()?, *dates.iter().max()?))
    }

    pub fn key(&self, row: usize) -> RowKey {
        let values = self.keys.all.map(|column| match column.map(|column| &self.columns[column]) {
            Some(Column::Int64(values)) => values[row],
            Some(Column::Int32(values) | Column::Date(values)) => values[row].into(),
            Some(Column::Text(codes)) => codes[row].into(),
            // No key has an amount, a probability or a truth value.
            Some(Column::Money(_) | Column::Float64(_) | Column::Boolean(_)) | None => 0,
        });
        values.into()
    }

    /// Returns which rows belong to the customers in `ids`. The rows must be sorted.
    pub fn of_customers(&self, ids: &Range<i64>) -> Range<usize> {
        let customers = self.customers();
        customers.partition_point(|&id| id < ids.start)..customers.partition_point(|&id| id < ids.end)
    }

    /// Concatenates `parts` in their order.
    ///
    /// Each column of the parts is freed once it is copied. At most, memory holds the result and one column of the
    /// parts.
    pub fn concat(table: Table, mut parts: Vec<Self>) -> Self {
        parts.retain(|part| part.len > 0);
        if parts.len() < 2 {
            return parts.pop().unwrap_or_else(|| Self::empty(table));
        }
        let len = parts.iter().map(|part| part.len).sum();
        /// Moves the values of one column out of all parts.
        macro_rules! joined {
            ($kind:path, $index:expr) => {{
                let mut joined = Vec::with_capacity(len);
                for part in &mut parts {
                    if let $kind(values) = &mut part.columns[$index] {
                        joined.append(&mut std::mem::take(values));
                    }
                }
                $kind(joined)
            }};
        }
        let columns = table.columns().iter().enumerate().map(|(index, column)| match column.kind {
            Kind::Int64 => joined!(Column::Int64, index),
            Kind::Int32 => joined!(Column::Int32, index),
            Kind::Date => joined!(Column::Date, index),
            Kind::Text(_) => joined!(Column::Text, index),
            Kind::Money => joined!(Column::Money, index),
            Kind::Float64 => joined!(Column::Float64, index),
            Kind::Boolean => joined!(Column::Boolean, index),
        });
        Self::new(table, columns.collect())
    }

    fn select(&self, rows: &[u32]) -> Self {
        fn take<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|&row| values[row as usize]).collect()
        }
        let columns = self.columns.iter().map(|column| match column {
            Column::Int64(values) => Column::Int64(take(values, rows)),
            Column::Int32(values) => Column::Int32(take(values, rows)),
            Column::Date(values) => Column::Date(take(values, rows)),
            Column::Text(values) => Column::Text(take(values, rows)),
            Column::Money(values) => Column::Money(take(values, rows)),
            Column::Float64(values) => Column::Float64(take(values, rows)),
            Column::Boolean(values) => Column::Boolean(take(values, rows)),
        });
        Self { columns: columns.collect(), len: rows.len(), ..*self }
    }

    /// Keeps the rows for which `keep` returns true. If it keeps all of them, nothing is copied.
    pub fn retain(self, keep: impl Fn(&Self, usize) -> bool) -> Self {
        if (0..self.len).all(|row| keep(&self, row)) {
            return self;
        }
        let kept: Vec<u32> = (0..self.len).filter(|&row| keep(&self, row)).map(|row| row as u32).collect();
        self.select(&kept)
    }

    /// Keeps the rows of customers for which `keep` returns true.
    pub fn retain_customers(self, keep: impl Fn(i64) -> bool) -> Self {
        if self.customers().iter().all(|&id| keep(id)) {
            return self;
        }
        self.retain(|rows, row| keep(rows.customers()[row]))
    }

    /// Copies a range of the rows.
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let columns = self.columns.iter().map(|column| match column {
            Column::Int64(values) => Column::Int64(values[rows.clone()].to_vec()),
            Column::Int32(values) => Column::Int32(values[rows.clone()].to_vec()),
            Column::Date(values) => Column::Date(values[rows.clone()].to_vec()),
            Column::Text(values) => Column::Text(values[rows.clone()].to_vec()),
            Column::Money(values) => Column::Money(values[rows.clone()].to_vec()),
            Column::Float64(values) => Column::Float64(values[rows.clone()].to_vec()),
            Column::Boolean(values) => Column::Boolean(values[rows.clone()].to_vec()),
        });
        Self { columns: columns.collect(), len: rows.len(), ..*self }
    }

    /// Returns whether no row has a smaller key than the row before it.
    pub fn are_sorted(&self) -> bool {
        let [customer, date, id] = self.keys.all.map(|column| column.map(|column| &self.columns[column]));
        // These keys are compared in place, because every row that is read is compared.
        let (Some(Column::Int64(customers)), Some(Column::Date(dates)), None | Some(Column::Int64(_))) =
            (customer, date, id)
        else {
            return (1..self.len).all(|row| self.key(row - 1) <= self.key(row));
        };
        let ids = self.keys.all[2].map(|column| self.int64(column));
        (1..self.len).all(|row| {
            let (before, this) = ((customers[row - 1], dates[row - 1]), (customers[row], dates[row]));
            before < this || before == this && ids.is_none_or(|ids| ids[row - 1] <= ids[row])
        })
    }

    /// Sorts the rows by key. Rows with the same key stay in their order.
    pub fn sorted(self) -> Self {
        if self.are_sorted() {
            return self;
        }
        let mut order: Vec<u32> = (0..self.len as u32).collect();
        order.sort_by_key(|&row| self.key(row as usize));
        self.select(&order)
    }

    /// Returns whether the rows `own` equal the rows `theirs` of `other` in every value.
    pub fn equal(&self, own: Range<usize>, other: &Self, theirs: Range<usize>) -> bool {
        self.columns.iter().zip(&other.columns).all(|(mine, others)| match (mine, others) {
            (Column::Int64(a), Column::Int64(b)) => a[own.clone()] == b[theirs.clone()],
            (Column::Int32(a), Column::Int32(b)) | (Column::Date(a), Column::Date(b)) => {
                a[own.clone()] == b[theirs.clone()]
            }
            (Column::Text(a), Column::Text(b)) => a[own.clone()] == b[theirs.clone()],
            (Column::Money(a), Column::Money(b)) => a[own.clone()] == b[theirs.clone()],
            (Column::Float64(a), Column::Float64(b)) => a[own.clone()] == b[theirs.clone()],
            (Column::Boolean(a), Column::Boolean(b)) => a[own.clone()] == b[theirs.clone()],
            _ => false,
        })
    }

    /// Returns the indices of the columns in which two rows differ.
    pub fn differing_columns(&self, row: usize, other: &Self, theirs: usize) -> Vec<usize> {
        (0..self.columns.len())
            .filter(|&column| self.value(column, row, None) != other.value(column, theirs, None))
            .collect()
    }

    /// Returns a value as text. Without a model, names are shown as their codes.
    pub fn value(&self, column: usize, row: usize, model: Option<&Model>) -> String {
        match (&self.columns[column], self.table.columns()[column].kind, model) {
            (Column::Date(days), ..) => date_of(days[row]).to_string(),
            (Column::Money(cents), ..) => money(cents[row]),
            (Column::Text(codes), Kind::Text(names), Some(model)) => {
                model.names(names).get(usize::from(codes[row])).copied().unwrap_or("an unknown name").to_string()
            }
            (column, ..) => on_values!(column, values => values[row].to_string()),
        }
    }

    /// Returns a row as text: `customer_id 7, date 2024-01-03, …`.
    pub fn describe(&self, row: usize, model: &Model) -> String {
        let columns = self.table.columns().iter().enumerate();
        let values = columns.map(|(index, column)| format!("{} {}", column.name, self.value(index, row, Some(model))));
        values.collect::<Vec<_>>().join(", ")
    }
}

/// Returns an amount in cents as text: `29.00`.
fn money(cents: i128) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}
