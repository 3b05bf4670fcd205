//! The generator of a table's rows.

use super::calendar::Day;
use super::column::Column;
use super::data_set::DataSet;
use super::laws::{DeferredRows, TableRows};
use super::table::{ColumnSet, Table};
use std::ops::Range;

/// Generates rows of one table, for fixed dates and columns and for any customers.
///
/// It keeps no state between calls, so threads can share it.
#[derive(Debug)]
pub struct Generator {
    data_set: DataSet,
    table: Table,
    rows: Box<dyn TableRows>,
}

impl Generator {
    /// Returns a generator of `columns` of `table`, for the rows whose date is in `days`. Days outside of the window
    /// have no rows.
    pub fn new(data_set: DataSet, table: Table, days: Range<Day>, columns: ColumnSet) -> Self {
        let window = data_set.model().window().range();
        let days = days.start.max(window.start)..days.end.min(window.end);
        let rows = data_set.model().rows(data_set.seed(), table, days, columns);
        Self { data_set, table, rows }
    }

    /// Returns the table.
    pub fn table(&self) -> Table {
        self.table
    }

    /// Returns the data set.
    pub fn data_set(&self) -> &DataSet {
        &self.data_set
    }

    /// Returns the columns of the customers with the given ids, in the table's order.
    ///
    /// The length of every column is the number of rows. For a table without customers, the ids are the numbers of its
    /// sections, starting with 1.
    ///
    /// An id outside of the data set gives the rows that the customer would have in a larger data set. Scans never ask
    /// for one, or for a section that doesn't exist.
    pub fn rows(&self, ids: Range<u64>) -> Vec<Column> {
        self.rows.of(ids)
    }

    /// Returns the same rows as [`Self::rows`], with their columns not computed yet. The caller can then choose the
    /// memory of the columns.
    ///
    /// Returns `None` if the table computes rows and columns together.
    pub fn deferred_rows(&self, ids: Range<u64>) -> Option<Box<dyn DeferredRows + '_>> {
        self.rows.deferred(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{ColumnMut, Model, saas_v1};

    #[test]
    fn columns_of_another_number_type_or_length_are_refused() {
        let data_set = DataSet::new(Model::saas_v1().unwrap(), 42, 100).unwrap();
        let days = data_set.model().window().range();
        let generator = Generator::new(data_set, saas_v1::USAGE_DAILY, days, ColumnSet::from_iter([0, 1, 3]));
        let expected = generator.rows(1..101);
        let deferred = generator.deferred_rows(1..101).unwrap();
        let rows = deferred.rows();
        let (mut ids, mut dates, mut minutes) = (vec![-1; rows + 1], vec![-1; rows + 1], vec![-1; rows + 1]);
        let mut write = |lengths: [usize; 3]| {
            deferred.write(vec![
                ColumnMut::Int64(&mut ids[..lengths[0]]),
                ColumnMut::Date(&mut dates[..lengths[1]]),
                ColumnMut::Int32(&mut minutes[..lengths[2]]),
            ])
        };
        for place in 0..3 {
            for length in [rows - 1, rows + 1] {
                let mut lengths = [rows; 3];
                lengths[place] = length;
                assert_eq!(write(lengths), None, "{lengths:?}");
            }
        }
        assert_eq!(write([rows; 3]), Some(()));
        // Another type, too few columns, too many columns.
        let (mut other, mut another) = (vec![0; rows], vec![0; rows]);
        assert_eq!(deferred.write(vec![ColumnMut::Date(&mut other)]), None);
        assert_eq!(deferred.write(vec![ColumnMut::Int64(&mut ids[..rows]), ColumnMut::Date(&mut other)]), None);
        let all = [
            ColumnMut::Int64(&mut ids[..rows]),
            ColumnMut::Date(&mut dates[..rows]),
            ColumnMut::Int32(&mut minutes[..rows]),
        ];
        let more = [ColumnMut::Int32(&mut another)];
        assert_eq!(deferred.write(all.into_iter().chain(more).collect()), None);
        for column in [&mut dates, &mut minutes] {
            column.truncate(rows);
        }
        ids.truncate(rows);
        assert_eq!(expected, [Column::Int64(ids), Column::Date(dates), Column::Int32(minutes)]);
    }
}
