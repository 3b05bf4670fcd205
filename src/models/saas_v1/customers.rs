//! `customers`: one row for each customer.

use super::profiles::Profiles;
use super::seeded_laws::SeededLaws;
use crate::models::{Column, ColumnSet, Day, column::retain_days};
use std::mem::take;
use std::ops::Range;

pub(super) fn rows(seeded: &SeededLaws, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let window = seeded.window();
    let Profiles { signup, mut plan, mut region } = Profiles::of(seeded, ids.clone());
    let dates: Vec<Day> = signup.into_iter().map(|day| window.first + day as Day).collect();
    let column = |index| match index {
        0 => Column::Int64(ids.clone().map(|id| id as i64).collect()),
        1 => Column::Date(dates.clone()),
        2 => Column::Text(take(&mut plan)),
        _ => Column::Text(take(&mut region)),
    };
    let selected = columns.indices().map(column).collect();
    if days == window.range() { selected } else { retain_days(selected, &dates, &days) }
}
