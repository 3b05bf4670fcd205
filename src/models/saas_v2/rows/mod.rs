//! The rows of each table, as the engine asks for them.

mod billing;
mod calendar;
mod customer_truth;
mod customers;
mod cycles_truth;
mod expected_curves;
mod money;
mod subscriptions;
mod support;

pub(super) use money::Contract;

use super::expected::RowMoments;
use super::laws::Laws;
use super::seeded_laws::SeededLaws;
use super::tables::{TABLES, names};
use crate::models::usage_kernel::UsageRows;
use crate::models::{Bounds, Column, ColumnSet, Day, ModelLaws, Names, RowsPerCustomer, Table, TableRows};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// The laws of the model, and what was computed from them.
#[derive(Debug)]
pub struct SaasV2 {
    /// The laws.
    pub laws: Arc<Laws>,
    /// The moments of the rows of each table, computed when they are first needed.
    moments: [OnceLock<RowMoments>; TABLES.len()],
}

impl SaasV2 {
    /// Returns the model with these laws.
    pub fn new(laws: Laws) -> Self {
        Self { laws: Arc::new(laws), moments: Default::default() }
    }
}

impl ModelLaws for SaasV2 {
    fn names(&self, list: Names) -> Vec<&str> {
        names(self.laws.parameters(), list)
    }

    fn sections(&self, _table: Table) -> u64 {
        1
    }

    fn rows_per_customer(&self, table: Table, days: &Range<Day>) -> RowsPerCustomer {
        let moments = TABLES.iter().position(|other| *other == table).and_then(|index| self.moments.get(index));
        match moments {
            Some(moments) => moments.get_or_init(|| RowMoments::new(&self.laws, table)).in_days(&self.laws, days),
            None => RowsPerCustomer::exactly(0),
        }
    }

    fn bounds(&self, table: Table, column: usize, customers: u64) -> Bounds {
        self.laws.column_bounds(table.columns()[column], customers)
    }

    fn rows(self: Arc<Self>, seed: u64, table: Table, days: Range<Day>, columns: ColumnSet) -> Box<dyn TableRows> {
        table_rows(SeededLaws::new(Arc::clone(&self.laws), seed), table, days, columns)
    }
}

/// Returns the rows of `columns` of `table` whose date is in `days`, which are days of the window.
pub fn table_rows(seeded: SeededLaws, table: Table, days: Range<Day>, columns: ColumnSet) -> Box<dyn TableRows> {
    match table.name() {
        "usage_daily" => Box::new(UsageRows::logged(seeded, &days, columns)),
        "usage_truth" => Box::new(UsageRows::truth(seeded, &days, columns)),
        _ => Box::new(Rows { seeded, table, days, columns }),
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
            "subscriptions" => subscriptions::rows(seeded, ids, days, columns),
            "billing" => billing::rows(seeded, ids, days, columns),
            "support" => support::rows(seeded, ids, days, columns),
            "cycles_truth" => cycles_truth::rows(seeded, ids, days, columns),
            "customer_truth" => customer_truth::rows(seeded, ids, columns),
            "calendar" => calendar::rows(seeded, days, columns),
            "expected_curves" => expected_curves::rows(seeded.laws(), columns),
            _ => customers::rows(seeded, ids, days, columns),
        }
    }
}
