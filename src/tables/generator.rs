//! The rows of one table for any customers and dates: what scans are made of.

use super::usage::{ActiveDays, UsageDays};
use super::{Column, ColumnMut, ColumnSet, DataSet, Table, billing, customers, retention, support, usage};
use crate::model::Day;
use std::ops::Range;

/// Makes the rows of a table, for dates and columns chosen once and any customers.
///
/// Shared by threads; keeps nothing between calls.
#[derive(Debug)]
pub struct Generator {
    data_set: DataSet,
    table: Table,
    days: Range<Day>,
    columns: ColumnSet,
    usage_days: Option<UsageDays>,
}

impl Generator {
    /// A generator of `table`, for the `days` of its date column (days outside the window have no rows) and `columns`.
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

    /// The table whose rows it makes.
    pub fn table(&self) -> Table {
        self.table
    }

    /// The data set whose rows it makes.
    pub fn data_set(&self) -> &DataSet {
        &self.data_set
    }

    /// The wanted columns, in the table's order, of the customers with ids in `ids`: all of one length, which is the
    /// number of rows. Of `retention_curves`, which has no customers, the ids are those of the plans, from 1.
    ///
    /// Ids of customers outside the data set give the rows that a larger one would have there; scans never ask for
    /// them, nor for plans that are not there.
    pub fn rows(&self, ids: Range<u64>) -> Vec<Column> {
        let (data_set, days, columns) = (&self.data_set, self.days.clone(), self.columns);
        match self.table {
            Table::UsageDaily | Table::UsageTruth => self.find(ids).map(Found::into_columns).unwrap_or_default(),
            Table::Billing => billing::rows(data_set, ids, days, columns),
            Table::Support => support::rows(data_set, ids, days, columns),
            Table::RetentionCurves => retention::rows(data_set, ids, columns),
            Table::Customers => customers::rows(data_set, ids, days, columns),
        }
    }

    /// The rows that [`Self::rows`] makes of the same `ids`, whose columns can be made anywhere. `None` where the table
    /// is not one of usage: the others' rows and columns are made as one.
    pub fn find(&self, ids: Range<u64>) -> Option<Found<'_>> {
        let active = usage::find(&self.data_set, self.usage_days.as_ref()?, ids);
        Some(Found { generator: self, active })
    }
}

/// Rows that are found, and whose columns are yet to be made.
pub struct Found<'a> {
    generator: &'a Generator,
    active: ActiveDays,
}

impl Found<'_> {
    /// How many they are.
    pub fn rows(&self) -> usize {
        self.active.rows
    }

    /// Their wanted columns, in the table's order.
    pub fn into_columns(self) -> Vec<Column> {
        usage::columns(&self.generator.data_set, self.active, self.generator.columns)
    }

    /// Makes their wanted columns where `columns` are, in the table's order. `None` where those are not as many, or of
    /// other kinds or lengths; then what they hold has no meaning.
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
    fn columns_are_written_only_where_they_fit() {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 100).unwrap();
        let days = data_set.model().window().range();
        let generator = Generator::new(data_set, Table::UsageDaily, days, ColumnSet::from_iter([0, 1, 3]));
        let expected = generator.rows(1..101);
        let found = generator.find(1..101).unwrap();
        let rows = found.rows();
        let (mut ids, mut dates, mut minutes) = (vec![-1; rows + 1], vec![-1; rows + 1], vec![-1; rows + 1]);
        let mut write = |lengths: [usize; 3]| {
            found.write([
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
        // Others, fewer, more.
        let (mut other, mut another) = (vec![0; rows], vec![0; rows]);
        assert_eq!(found.write([ColumnMut::Date(&mut other)]), None);
        assert_eq!(found.write([ColumnMut::Int64(&mut ids[..rows]), ColumnMut::Date(&mut other)]), None);
        let all = [
            ColumnMut::Int64(&mut ids[..rows]),
            ColumnMut::Date(&mut dates[..rows]),
            ColumnMut::Int32(&mut minutes[..rows]),
        ];
        let more = [ColumnMut::Int32(&mut another)];
        assert_eq!(found.write(all.into_iter().chain(more)), None);
        for column in [&mut dates, &mut minutes] {
            column.truncate(rows);
        }
        ids.truncate(rows);
        assert_eq!(expected, [Column::Int64(ids), Column::Date(dates), Column::Int32(minutes)]);
    }
}
