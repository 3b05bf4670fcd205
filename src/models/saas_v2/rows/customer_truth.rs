//! `customer_truth`: one row for each customer, with what no observed table shows.

use super::super::laws::Reason;
use super::super::profiles::Profile;
use super::super::seeded_laws::SeededLaws;
use super::super::timeline::Life;
use super::cycles_truth::reason_index;
use crate::models::Day;
use crate::models::{Column, ColumnSet};
use std::ops::Range;

struct Row {
    profile: Profile,
    ended: Day,
    reason: Reason,
    spells: i32,
}

pub(super) fn rows(seeded: &SeededLaws, ids: Range<u64>, columns: ColumnSet) -> Vec<Column> {
    let laws = seeded.laws();
    let (parameters, window) = (laws.parameters(), laws.window());
    let mut rows: Vec<Row> = Vec::new();
    Life::for_each(seeded, ids, &window.range(), |life| {
        rows.push(Row {
            profile: life.profile,
            ended: window.first + life.end() as Day - Day::from(life.has_ended()),
            reason: life.reason(),
            spells: life.cycles.last().map_or(0, |cycle| cycle.spell as i32 + 1),
        });
    });
    let class = |of: fn(&Profile) -> u8, values: [f64; 8]| {
        Column::Float64(rows.iter().map(|row| values[usize::from(of(&row.profile))]).collect())
    };
    let column = |index| match index {
        0 => Column::Int64(rows.iter().map(|row| row.profile.id as i64).collect()),
        1 => class(|profile| profile.frailty, laws.frailty),
        2 => class(|profile| profile.intensity, laws.intensity),
        3 => class(|profile| profile.intensity, parameters.intensity.activity),
        4 => Column::Date(rows.iter().map(|row| row.ended).collect()),
        5 => Column::Text(rows.iter().map(|row| reason_index(row.reason)).collect()),
        _ => Column::Int32(rows.iter().map(|row| row.spells).collect()),
    };
    columns.indices().map(column).collect()
}
