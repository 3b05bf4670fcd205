//! `calendar`: one row for each day of the window.

use super::super::calendar::CalendarDay;
use super::super::seeded_laws::SeededLaws;
use crate::models::Day;
use crate::models::{Column, ColumnSet};
use std::ops::Range;

pub(super) fn rows(seeded: &SeededLaws, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let first_day = seeded.laws().window().first;
    let all = (first_day..).zip(seeded.calendar());
    let rows: Vec<(Day, &CalendarDay)> = all.filter(|(date, _)| days.contains(date)).collect();
    let float = |value: fn(&CalendarDay) -> f64| Column::Float64(rows.iter().map(|(_, day)| value(day)).collect());
    let column = |index| match index {
        0 => Column::Date(rows.iter().map(|&(date, _)| date).collect()),
        1 => float(|day| day.signup_weight),
        2 => float(|day| day.week),
        3 => float(|day| day.season),
        4 => float(|day| day.incident),
        _ => float(|day| day.loss_rate),
    };
    columns.indices().map(column).collect()
}
