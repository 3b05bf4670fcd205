//! The columns of active days, in vectors or in memory of the caller.

use super::active_days::ActiveDays;
use super::model::UsageModel;
use super::output_column::{OutputColumn, OutputSlice};
use crate::models::{Column, ColumnMut, ColumnSet, Day};
use crate::random::philox::LANES;
use multiversion::multiversion;

/// The most values that are pushed to a column at once.
const MAX_PUSHED: usize = 4 * LANES;

/// Returns the `wanted` columns of the rows of `active`, in the table's order: customer_id, date, sessions,
/// usage_minutes, feature_events and, only for `usage_truth`, logged.
pub fn columns<M: UsageModel>(model: &M, active: ActiveDays, wanted: ColumnSet) -> Vec<Column> {
    /// `pushed` is how many values are pushed at once.
    fn vector<T>(active: &ActiveDays, is_wanted: bool, pushed: usize) -> Option<Vec<T>> {
        is_wanted.then(|| Vec::with_capacity(active.rows + pushed))
    }
    let mut outputs = OutputColumns {
        customer_ids: vector(&active, wanted.has(0), LANES),
        dates: vector(&active, wanted.has(1), LANES),
        values: [2, 3, 4].map(|index| vector(&active, wanted.has(index), MAX_PUSHED)),
    };
    outputs.fill(model, &active);
    let values = outputs.values.into_iter().flatten().map(Column::Int32);
    let logged = wanted.has(5).then_some(Column::Boolean(active.logged));
    let first = outputs.customer_ids.map(Column::Int64).into_iter().chain(outputs.dates.map(Column::Date));
    first.chain(values).chain(logged).collect()
}

/// Writes the `wanted` columns of the rows of `active` to `columns`, in the table's order.
///
/// Returns `None` if the columns have another number, other types or other lengths.
pub fn write<'a, M: UsageModel>(
    model: &M,
    active: &ActiveDays,
    wanted: ColumnSet,
    columns: impl IntoIterator<Item = ColumnMut<'a>>,
) -> Option<()> {
    let mut outputs = OutputColumns { customer_ids: None, dates: None, values: [None, None, None] };
    let mut columns = columns.into_iter();
    for index in wanted.indices() {
        match (index, columns.next()?) {
            (0, ColumnMut::Int64(slice)) => outputs.customer_ids = Some(OutputSlice::new(slice)),
            (1, ColumnMut::Date(slice)) => outputs.dates = Some(OutputSlice::new(slice)),
            (2..=4, ColumnMut::Int32(slice)) => outputs.values[index - 2] = Some(OutputSlice::new(slice)),
            _ => return None,
        }
    }
    outputs.fill(model, active);
    let is_full = outputs.customer_ids.is_none_or(|slice| slice.is_full())
        && outputs.dates.into_iter().chain(outputs.values.into_iter().flatten()).all(|slice| slice.is_full());
    (is_full && columns.next().is_none()).then_some(())
}

/// The destinations of the columns that are asked for.
struct OutputColumns<I, C> {
    customer_ids: Option<I>,
    dates: Option<C>,
    /// Sessions, usage minutes and feature events.
    values: [Option<C>; 3],
}

impl<I: OutputColumn<i64>, C: OutputColumn<i32>> OutputColumns<I, C> {
    fn fill<M: UsageModel>(&mut self, model: &M, active: &ActiveDays) {
        if let Some(column) = &mut self.customer_ids {
            customer_ids(active, column);
        }
        if let Some(column) = &mut self.dates {
            dates(active, model.usage().window.first, column);
        }
        if self.values.iter().any(Option::is_some) {
            model.values(active, &mut self.values);
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn customer_ids<C: OutputColumn<i64>>(active: &ActiveDays, ids: &mut C) {
    let mut end = 0;
    for customer in &active.customers {
        end += customer.rows;
        for _ in (0..customer.rows).step_by(LANES) {
            ids.push(&[customer.id as i64; LANES]);
        }
        ids.truncate_rows(end);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn dates<C: OutputColumn<i32>>(active: &ActiveDays, first_day: Day, dates: &mut C) {
    let mut end = 0;
    for customer in &active.customers {
        let start = end;
        end += customer.rows;
        for from in (start..end).step_by(LANES) {
            let mut lanes = [first_day + customer.signup as Day; LANES];
            for (date, &age) in lanes.iter_mut().zip(&active.ages[from..from + LANES]) {
                *date += Day::from(age);
            }
            dates.push(&lanes);
        }
        dates.truncate_rows(end);
    }
}
