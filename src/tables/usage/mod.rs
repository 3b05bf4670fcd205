//! `usage_daily` and `usage_truth`: what customers did on the days they were active.

mod activity;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod days;
mod narrow;
mod one_day;
mod values;

pub(super) use activity::GROUP;
pub(super) use days::UsageDays;
pub(super) use narrow::NarrowLaws;

use super::{Column, ColumnSet, DataSet};
use crate::model::Day;
use crate::random::philox::LANES;
use activity::{ActiveDays, active_days};
use multiversion::multiversion;
use std::ops::Range;

pub(super) fn rows(data_set: &DataSet, days: &UsageDays, ids: Range<u64>, columns: ColumnSet) -> Vec<Column> {
    let active = if days.asked.len() == 1 && days.existing.is_none() {
        one_day::active_customers(data_set, days, ids)
    } else {
        active_days(data_set, days, ids)
    };
    let mut made = Vec::with_capacity(6);
    if columns.has(0) {
        made.push(Column::Int64(customer_ids(&active)));
    }
    if columns.has(1) {
        made.push(Column::Date(dates(&active, data_set.model().window().first)));
    }
    if [2, 3, 4].iter().any(|&index| columns.has(index)) {
        made.extend(values::values(data_set, &active, columns));
    }
    if columns.has(5) {
        made.push(Column::Boolean(active.logged));
    }
    made
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn customer_ids(active: &ActiveDays) -> Vec<i64> {
    let mut ids = Vec::with_capacity(active.rows + LANES);
    for run in &active.runs {
        let end = ids.len() + run.rows;
        for _ in (0..run.rows).step_by(LANES) {
            ids.extend_from_slice(&[run.customer as i64; LANES]);
        }
        ids.truncate(end);
    }
    ids
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn dates(active: &ActiveDays, first_day: Day) -> Vec<Day> {
    let mut dates = Vec::with_capacity(active.rows + LANES);
    for run in &active.runs {
        let (start, end) = (dates.len(), dates.len() + run.rows);
        for from in (start..end).step_by(LANES) {
            let mut lanes = [first_day + run.signup as Day; LANES];
            for (date, &age) in lanes.iter_mut().zip(&active.ages[from..from + LANES]) {
                *date += Day::from(age);
            }
            dates.extend_from_slice(&lanes);
        }
        dates.truncate(end);
    }
    dates
}
