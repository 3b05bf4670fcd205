//! The rows of `usage_daily` and `usage_truth`, as the engine asks for them.

use super::active_days::ActiveDays;
use super::columns;
use super::days::UsageDays;
use super::model::UsageModel;
use crate::models::{Column, ColumnMut, ColumnSet, Day, DeferredRows, TableRows};
use std::ops::Range;

/// The rows of `usage_daily` or `usage_truth`.
#[derive(Debug)]
pub struct UsageRows<M> {
    model: M,
    days: UsageDays,
    columns: ColumnSet,
}

impl<M: UsageModel> UsageRows<M> {
    /// Returns the rows of `columns` of `usage_daily` whose date is in `days`.
    pub fn logged(model: M, days: &Range<Day>, columns: ColumnSet) -> Self {
        Self { days: model.logged_days(days), model, columns }
    }

    /// Returns the rows of `columns` of `usage_truth` whose date is in `days`.
    pub fn truth(model: M, days: &Range<Day>, columns: ColumnSet) -> Self {
        Self { days: model.true_days(days), model, columns }
    }
}

impl<M: UsageModel> TableRows for UsageRows<M> {
    fn of(&self, ids: Range<u64>) -> Vec<Column> {
        columns::columns(&self.model, self.model.active_days(&self.days, ids), self.columns)
    }

    fn deferred(&self, ids: Range<u64>) -> Option<Box<dyn DeferredRows + '_>> {
        let active = self.model.active_days(&self.days, ids);
        Some(Box::new(DeferredUsage { model: &self.model, columns: self.columns, active }))
    }
}

/// Rows whose days are known, but whose columns are not computed yet.
struct DeferredUsage<'a, M> {
    model: &'a M,
    columns: ColumnSet,
    active: ActiveDays,
}

impl<M: UsageModel> DeferredRows for DeferredUsage<'_, M> {
    fn rows(&self) -> usize {
        self.active.rows
    }

    fn into_columns(self: Box<Self>) -> Vec<Column> {
        columns::columns(self.model, self.active, self.columns)
    }

    fn write(&self, columns: Vec<ColumnMut<'_>>) -> Option<()> {
        columns::write(self.model, &self.active, self.columns, columns)
    }
}
