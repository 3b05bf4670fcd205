//! `customers`: one row a customer.

use super::profiles::Profiles;
use super::{Column, ColumnSet, DataSet};
use crate::model::Day;
use std::ops::Range;

pub(super) fn rows(data_set: &DataSet, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let first_day = data_set.model().window().first;
    let profiles = Profiles::of(data_set, ids.clone());
    let signup_date = |row: usize| first_day + profiles.signup[row] as Day;
    let rows: Vec<usize> = (0..profiles.signup.len()).filter(|&row| days.contains(&signup_date(row))).collect();
    let column = |index| match index {
        0 => Column::Int64(rows.iter().map(|&row| ids.start as i64 + row as i64).collect()),
        1 => Column::Date(rows.iter().map(|&row| signup_date(row)).collect()),
        2 => Column::Text(rows.iter().map(|&row| profiles.plan[row]).collect()),
        _ => Column::Text(rows.iter().map(|&row| profiles.region[row]).collect()),
    };
    columns.indices().map(column).collect()
}
