//! `customers`: one row for each customer.

use super::super::profiles::Profile;
use super::super::seeded_laws::SeededLaws;
use super::money::Contract;
use crate::models::Day;
use crate::models::{Column, ColumnSet};
use std::ops::Range;

pub(super) fn rows(seeded: &SeededLaws, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let laws = seeded.laws();
    let date = |profile: &Profile| laws.window().first + profile.signup as Day;
    let mut profiles: Vec<Profile> = ids.map(|id| Profile::of(seeded, id)).collect();
    profiles.retain(|profile| days.contains(&date(profile)));
    let text = |value: fn(&Profile) -> u8| Column::Text(profiles.iter().map(value).collect());
    let seats = |profile: &Profile| {
        Contract { plan: profile.plan, is_annual: profile.is_annual, rung: profile.rung }.seats(laws)
    };
    let column = |index| match index {
        0 => Column::Int64(profiles.iter().map(|profile| profile.id as i64).collect()),
        1 => Column::Date(profiles.iter().map(date).collect()),
        2 => text(|profile| profile.plan),
        3 => text(|profile| profile.region),
        4 => text(|profile| profile.channel),
        5 => text(|profile| u8::from(profile.is_annual)),
        _ => Column::Int32(profiles.iter().map(seats).collect()),
    };
    columns.indices().map(column).collect()
}
