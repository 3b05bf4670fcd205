//! The columns of a block of rows, as plain vectors.

use super::calendar::Day;
use std::ops::Range;

/// One column of a block of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Ids.
    Int64(Vec<i64>),
    /// Counts and minutes.
    Int32(Vec<i32>),
    /// Days since 1970-01-01.
    Date(Vec<i32>),
    /// Indices into the list of names of the column's [`Names`](super::Names).
    Text(Vec<u8>),
    /// Amounts in hundredths.
    Money(Vec<i128>),
    /// Probabilities.
    Float64(Vec<f64>),
    /// Truth values.
    Boolean(Vec<bool>),
}

/// Memory to write the values of one column to. What it holds before has no meaning.
#[derive(Debug)]
pub enum ColumnMut<'a> {
    /// For a [`Column::Int64`].
    Int64(&'a mut [i64]),
    /// For a [`Column::Int32`].
    Int32(&'a mut [i32]),
    /// For a [`Column::Date`].
    Date(&'a mut [i32]),
}

impl Column {
    /// Returns the number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Int64(values) => values.len(),
            Self::Int32(values) | Self::Date(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Money(values) => values.len(),
            Self::Float64(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Returns whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Keeps the rows whose date is in `days`. `dates` has the date of each row.
pub(super) fn retain_days(mut columns: Vec<Column>, dates: &[Day], days: &Range<Day>) -> Vec<Column> {
    fn retain<T>(values: &mut Vec<T>, kept: &[bool]) {
        let mut kept = kept.iter();
        values.retain(|_| kept.next() == Some(&true));
        values.shrink_to_fit();
    }
    let kept: Vec<bool> = dates.iter().map(|date| days.contains(date)).collect();
    for column in &mut columns {
        match column {
            Column::Int64(values) => retain(values, &kept),
            Column::Int32(values) | Column::Date(values) => retain(values, &kept),
            Column::Text(values) => retain(values, &kept),
            Column::Money(values) => retain(values, &kept),
            Column::Float64(values) => retain(values, &kept),
            Column::Boolean(values) => retain(values, &kept),
        }
    }
    columns
}
