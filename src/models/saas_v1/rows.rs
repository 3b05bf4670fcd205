//! The rows of each table, as the engine asks for them.

use super::laws::Laws;
use super::seeded_laws::SeededLaws;
use super::usage::{ActiveDays, UsageDays};
use super::{billing, customers, expected, retention_curves, support, usage};
use crate::models::{
    Bounds, Column, ColumnMut, ColumnSet, Day, DeferredRows, ModelLaws, Names, RowsPerCustomer, Table, TableRows,
};
use std::ops::Range;
use std::sync::Arc;

impl ModelLaws for Laws {
    fn names(&self, names: Names) -> Vec<&str> {
        self.parameters().names(names)
    }

    fn sections(&self, _table: Table) -> u64 {
        self.plans.len() as u64
    }

    fn rows_per_customer(&self, table: Table, days: &Range<Day>) -> RowsPerCustomer {
        expected::rows_per_customer(self, table, days)
    }

    fn bounds(&self, table: Table, column: usize, customers: u64) -> Bounds {
        self.column_bounds(table.columns()[column], customers)
    }

    fn rows(self: Arc<Self>, seed: u64, table: Table, days: Range<Day>, columns: ColumnSet) -> Box<dyn TableRows> {
        let seeded = SeededLaws::new(self, seed);
        let usage_days = match table.name() {
            "usage_daily" => UsageDays::logged(&seeded, &days),
            "usage_truth" => UsageDays::truth(&seeded, &days),
            _ => return Box::new(Rows { seeded, table, days, columns }),
        };
        Box::new(UsageRows { seeded, days: usage_days, columns })
    }
}

/// The rows of a table that computes rows and columns together.
#[derive(Debug)]
struct Rows {
    seeded: SeededLaws,
    table: Table,
    days: Range<Day>,
    columns: ColumnSet,
}

impl TableRows for Rows {
    fn of(&self, ids: Range<u64>) -> Vec<Column> {
        let (seeded, days, columns) = (&self.seeded, self.days.clone(), self.columns);
        match self.table.name() {
            "billing" => billing::rows(seeded, ids, days, columns),
            "support" => support::rows(seeded, ids, days, columns),
            "retention_curves" => retention_curves::rows(seeded, ids, columns),
            _ => customers::rows(seeded, ids, days, columns),
        }
    }
}

/// The rows of `usage_daily` or `usage_truth`.
#[derive(Debug)]
struct UsageRows {
    seeded: SeededLaws,
    days: UsageDays,
    columns: ColumnSet,
}

impl TableRows for UsageRows {
    fn of(&self, ids: Range<u64>) -> Vec<Column> {
        usage::columns(&self.seeded, usage::active_days(&self.seeded, &self.days, ids), self.columns)
    }

    fn deferred(&self, ids: Range<u64>) -> Option<Box<dyn DeferredRows + '_>> {
        let active = usage::active_days(&self.seeded, &self.days, ids);
        Some(Box::new(DeferredUsage { seeded: &self.seeded, columns: self.columns, active }))
    }
}

/// Rows whose days are known, but whose columns are not computed yet.
struct DeferredUsage<'a> {
    seeded: &'a SeededLaws,
    columns: ColumnSet,
    active: ActiveDays,
}

impl DeferredRows for DeferredUsage<'_> {
    fn rows(&self) -> usize {
        self.active.rows
    }

    fn into_columns(self: Box<Self>) -> Vec<Column> {
        usage::columns(self.seeded, self.active, self.columns)
    }

    fn write(&self, columns: Vec<ColumnMut<'_>>) -> Option<()> {
        usage::write(self.seeded, &self.active, self.columns, columns)
    }
}
