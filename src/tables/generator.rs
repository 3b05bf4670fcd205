//! The rows of one table for any customers and dates: what scans are made of.

use super::usage::UsageDays;
use super::{Column, ColumnSet, DataSet, Table, billing, customers, retention, support, usage};
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
        match (self.table, &self.usage_days) {
            (Table::UsageDaily | Table::UsageTruth, Some(usage_days)) => {
                usage::rows(data_set, usage_days, ids, columns)
            }
            (Table::Billing, _) => billing::rows(data_set, ids, days, columns),
            (Table::Support, _) => support::rows(data_set, ids, days, columns),
            (Table::RetentionCurves, _) => retention::rows(data_set, ids, columns),
            _ => customers::rows(data_set, ids, days, columns),
        }
    }
}
