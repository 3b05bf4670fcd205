//! `usage_daily` and `usage_truth`: what customers did on their active days.

mod active_days;
mod activity;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod days;
mod values;

pub use days::UsageDays;

use super::seeded_laws::SeededLaws;
use crate::models::Day;
use crate::models::{Column, ColumnSet};
use crate::random::philox::LANES;
use active_days::ActiveDays;
use multiversion::multiversion;
use std::ops::Range;

/// Returns the `wanted` columns of the rows of the customers in `ids`, in the table's order: customer_id, date, sessions,
/// usage_minutes, feature_events and, only for `usage_truth`, logged.
pub fn rows(seeded: &SeededLaws, ids: Range<u64>, days: &UsageDays, wanted: ColumnSet) -> Vec<Column> {
    let active = activity::active_days(seeded, days, ids);
    let mut values = [2, 3, 4].map(|index| wanted.has(index).then(|| Vec::with_capacity(active.rows + MAX_PUSHED)));
    if values.iter().any(Option::is_some) {
        values::values(seeded, &active, &mut values);
    }
    let mut columns = Vec::new();
    if wanted.has(0) {
        let mut ids = Vec::with_capacity(active.rows + LANES);
        customer_ids(&active, &mut ids);
        columns.push(Column::Int64(ids));
    }
    if wanted.has(1) {
        let mut days = Vec::with_capacity(active.rows + LANES);
        dates(&active, seeded.laws().window().first, &mut days);
        columns.push(Column::Date(days));
    }
    columns.extend(values.into_iter().flatten().map(Column::Int32));
    columns.extend(wanted.has(5).then_some(Column::Boolean(active.logged)));
    columns
}

/// The most values that are pushed to a column at once.
const MAX_PUSHED: usize = 4 * LANES;

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn customer_ids(active: &ActiveDays, ids: &mut Vec<i64>) {
    let mut end = 0;
    for customer in &active.customers {
        end += customer.rows;
        for _ in (0..customer.rows).step_by(LANES) {
            ids.extend_from_slice(&[customer.id as i64; LANES]);
        }
        ids.truncate(end);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn dates(active: &ActiveDays, first_day: Day, dates: &mut Vec<i32>) {
    let mut end = 0;
    for customer in &active.customers {
        let start = end;
        end += customer.rows;
        for from in (start..end).step_by(LANES) {
            let mut lanes = [first_day + customer.signup as Day; LANES];
            for (date, &age) in lanes.iter_mut().zip(&active.ages[from..from + LANES]) {
                *date += Day::from(age);
            }
            dates.extend_from_slice(&lanes);
        }
        dates.truncate(end);
    }
}
