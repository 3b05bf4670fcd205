//! The rows of each table, as the engine asks for them.

use super::laws::Laws;
use super::seeded_laws::SeededLaws;
use super::{billing, customers, expected, retention_curves, support};
use crate::models::usage_kernel::UsageRows;
use crate::models::{Bounds, Column, ColumnSet, Day, ModelLaws, Names, RowsPerCustomer, Table, TableRows};
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
        match table.name() {
            "usage_daily" => Box::new(UsageRows::logged(seeded, &days, columns)),
            "usage_truth" => Box::new(UsageRows::truth(seeded, &days, columns)),
            _ => Box::new(Rows { seeded, table, days, columns }),
        }
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
