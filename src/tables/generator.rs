//! The generator of a table's rows.

use super::usage::{ActiveDays, UsageDays};
use super::{Column, ColumnMut, ColumnSet, DataSet, Table, billing, customers, retention_curves, support, usage};
use crate::model::Day;
use std::ops::Range;

/// Generates rows of one table, for fixed dates and columns and for any customers.
///
/// It keeps no state between calls, so threads can share it.
#[derive(Debug)]
pub struct Generator {
    data_set: DataSet,
    table: Table,
    days: Range<Day>,
    columns: ColumnSet,
    usage_days: Option<UsageDays>,
}

impl Generator {
    /// Returns a generator of `columns` of `table`, for the rows whose date is in `days`. Days outside of the window
    /// have no rows.
    pub fn new(data_set: DataSet, table: Table, days: Range<Day>, columns: ColumnSet) -> Self {
        let window = data_set.model().window().range();
        let days = days.start.max(window.start)..days.end.min(window.end);
        let usage_days = match table {
            Table::UsageDaily => Some(UsageDays::logged(&data_set, &days)),
            Table::UsageTruth => Some(UsageDays::truth(&data_set, &days)),
            _ => None,
        };
        Self { data_set, table, days, columns, usage_days }
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
    /// The length of every column is the number of rows. For `retention_curves`, which has no customers, the ids are
    /// the numbers of the plans, starting with 1.
    ///
    /// An id outside of the data set gives the rows that the customer would have in a larger data set. Scans never ask
    /// for one, or for a plan that doesn't exist.
    pub fn rows(&self, ids: Range<u64>) -> Vec<Column> {
        let (data_set, days, columns) = (&self.data_set, self.days.clone(), self.columns);
        match self.table {
            Table::UsageDaily | Table::UsageTruth => {
                self.deferred_rows(ids).map(DeferredRows::into_columns).unwrap_or_default()
            }
            Table::Billing => billing::rows(data_set, ids, days, columns),
            Table::Support => support::rows(data_set, ids, days, columns),
            Table::RetentionCurves => retention_curves::rows(data_set, ids, columns),
            Table::Customers => customers::rows(data_set, ids, days, columns),
        }
    }

    /// Returns the same rows as [`Self::rows`], with their columns not computed yet. The caller can then choose the
    /// memory of the columns.
    ///
    /// Returns `None` unless the table is `usage_daily` or `usage_truth`. Other tables compute rows and columns
    /// together.
    pub fn deferred_rows(&self, ids: Range<u64>) -> Option<DeferredRows<'_>> {
        let active = usage::active_days(&self.data_set, self.usage_days.as_ref()?, ids);
        Some(DeferredRows { generator: self, active })
    }
}

/// Rows whose number is known, but whose columns are not computed yet.
pub struct DeferredRows<'a> {
    generator: &'a Generator,
    active: ActiveDays,
}

impl DeferredRows<'_> {
    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.active.rows
    }

    /// Computes the columns, in the table's order.
    pub fn into_columns(self) -> Vec<Column> {
        usage::columns(&self.generator.data_set, self.active, self.generator.columns)
    }

    /// Computes the columns in the memory of `columns`, in the table's order.
    ///
    /// Returns `None` if the number, the types or the lengths of `columns` differ from those of the rows. Their content
    /// has no meaning then.
    pub fn write<'a>(&self, columns: impl IntoIterator<Item = ColumnMut<'a>>) -> Option<()> {
        usage::write(&self.generator.data_set, &self.active, self.generator.columns, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::tables::Laws;
    use std::sync::Arc;

    #[test]
    fn columns_of_another_number_type_or_length_are_refused() {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 100).unwrap();
        let days = data_set.model().window().range();
        let generator = Generator::new(data_set, Table::UsageDaily, days, ColumnSet::from_iter([0, 1, 3]));
        let expected = generator.rows(1..101);
        let deferred = generator.deferred_rows(1..101).unwrap();
        let rows = deferred.rows();
        let (mut ids, mut dates, mut minutes) = (vec![-1; rows + 1], vec![-1; rows + 1], vec![-1; rows + 1]);
        let mut write = |lengths: [usize; 3]| {
            deferred.write([
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
        assert_eq!(deferred.write([ColumnMut::Date(&mut other)]), None);
        assert_eq!(deferred.write([ColumnMut::Int64(&mut ids[..rows]), ColumnMut::Date(&mut other)]), None);
        let all = [
            ColumnMut::Int64(&mut ids[..rows]),
            ColumnMut::Date(&mut dates[..rows]),
            ColumnMut::Int32(&mut minutes[..rows]),
        ];
        let more = [ColumnMut::Int32(&mut another)];
        assert_eq!(deferred.write(all.into_iter().chain(more)), None);
        for column in [&mut dates, &mut minutes] {
            column.truncate(rows);
        }
        ids.truncate(rows);
        assert_eq!(expected, [Column::Int64(ids), Column::Date(dates), Column::Int32(minutes)]);
    }
}
