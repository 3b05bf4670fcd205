//! `usage_daily` and `usage_truth`: what customers did on the days they were active.

mod activity;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod days;
mod narrow;
mod one_day;
mod values;

pub(super) use activity::{ActiveDays, GROUP};
pub(super) use days::UsageDays;
pub(super) use narrow::NarrowLaws;

use super::room::{Room, Slots};
use super::{Column, ColumnMut, ColumnSet, DataSet};
use crate::model::Day;
use crate::random::philox::LANES;
use activity::active_days;
use multiversion::multiversion;
use std::ops::Range;

/// The active days of the customers in `ids`.
pub(super) fn find(data_set: &DataSet, days: &UsageDays, ids: Range<u64>) -> ActiveDays {
    if days.asked.len() == 1 && days.existing.is_none() {
        one_day::active_customers(data_set, days, ids)
    } else {
        active_days(data_set, days, ids)
    }
}

/// The wanted columns of what is `active`, in the table's order.
pub(super) fn columns(data_set: &DataSet, active: ActiveDays, wanted: ColumnSet) -> Vec<Column> {
    /// For values that are put so many at a time.
    fn room<T>(active: &ActiveDays, is_wanted: bool, lanes: usize) -> Option<Vec<T>> {
        is_wanted.then(|| Vec::with_capacity(active.rows + lanes))
    }
    let mut rooms = Rooms {
        customer_ids: room(&active, wanted.has(0), LANES),
        dates: room(&active, wanted.has(1), LANES),
        values: [2, 3, 4].map(|index| room(&active, wanted.has(index), values::MOST_LANES)),
    };
    rooms.fill(data_set, &active);
    let values = rooms.values.into_iter().flatten().map(Column::Int32);
    let logged = wanted.has(5).then_some(Column::Boolean(active.logged));
    let first = rooms.customer_ids.map(Column::Int64).into_iter().chain(rooms.dates.map(Column::Date));
    first.chain(values).chain(logged).collect()
}

/// Makes the `wanted` columns of what is `active` where `columns` are. `None` where those are others, or of other
/// lengths.
pub(super) fn write<'a>(
    data_set: &DataSet,
    active: &ActiveDays,
    wanted: ColumnSet,
    columns: impl IntoIterator<Item = ColumnMut<'a>>,
) -> Option<()> {
    let mut rooms = Rooms { customer_ids: None, dates: None, values: [None, None, None] };
    let mut columns = columns.into_iter();
    for index in wanted.indices() {
        match (index, columns.next()?) {
            (0, ColumnMut::Int64(slots)) => rooms.customer_ids = Some(Slots::new(slots)),
            (1, ColumnMut::Date(slots)) => rooms.dates = Some(Slots::new(slots)),
            (2..=4, ColumnMut::Int32(slots)) => rooms.values[index - 2] = Some(Slots::new(slots)),
            _ => return None,
        }
    }
    rooms.fill(data_set, active);
    let is_full = rooms.customer_ids.is_none_or(|slots| slots.are_full())
        && rooms.dates.into_iter().chain(rooms.values.into_iter().flatten()).all(|slots| slots.are_full());
    (is_full && columns.next().is_none()).then_some(())
}

/// Where the wanted columns go: customers' ids, dates, then sessions, minutes and events.
struct Rooms<I, R> {
    customer_ids: Option<I>,
    dates: Option<R>,
    values: [Option<R>; 3],
}

impl<I: Room<i64>, R: Room<i32>> Rooms<I, R> {
    fn fill(&mut self, data_set: &DataSet, active: &ActiveDays) {
        if let Some(room) = &mut self.customer_ids {
            customer_ids(active, room);
        }
        if let Some(room) = &mut self.dates {
            dates(active, data_set.model().window().first, room);
        }
        if self.values.iter().any(Option::is_some) {
            values::values(data_set, active, &mut self.values);
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn customer_ids<R: Room<i64>>(active: &ActiveDays, ids: &mut R) {
    let mut end = 0;
    for run in &active.runs {
        end += run.rows;
        for _ in (0..run.rows).step_by(LANES) {
            ids.put(&[run.customer as i64; LANES]);
        }
        ids.cut(end);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn dates<R: Room<i32>>(active: &ActiveDays, first_day: Day, dates: &mut R) {
    let mut end = 0;
    for run in &active.runs {
        let start = end;
        end += run.rows;
        for from in (start..end).step_by(LANES) {
            let mut lanes = [first_day + run.signup as Day; LANES];
            for (date, &age) in lanes.iter_mut().zip(&active.ages[from..from + LANES]) {
                *date += Day::from(age);
            }
            dates.put(&lanes);
        }
        dates.cut(end);
    }
}
