//! `customers`: one row a customer.

use super::profiles::Profiles;
use super::{Column, ColumnSet, DataSet};
use crate::model::Day;
use std::ops::Range;

pub(super) fn rows(data_set: &DataSet, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let first_day = data_set.model().window().first;
    let mut customer_id: Vec<i64> = ids.clone().map(|id| id as i64).collect();
    let profiles = Profiles::of(data_set, ids);
    let mut signup_date: Vec<Day> = profiles.signup.iter().map(|&signup| first_day + signup as Day).collect();
    let (mut plan, mut region) = (profiles.plan, profiles.region);
    if days != data_set.model().window().range() {
        let kept: Vec<bool> = signup_date.iter().map(|date| days.contains(date)).collect();
        retain(&mut customer_id, &kept);
        retain(&mut signup_date, &kept);
        retain(&mut plan, &kept);
        retain(&mut region, &kept);
    }
    let all = [Column::Int64(customer_id), Column::Date(signup_date), Column::Text(plan), Column::Text(region)];
    columns.select(all)
}

fn retain<T>(values: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    values.retain(|_| kept.next().copied().unwrap_or(false));
    values.shrink_to_fit();
}
