//! `customer_truth`: one row for each customer, with what no observed table shows.

use super::super::seeded_laws::SeededLaws;
use super::super::timeline::Life;
use super::cycles_truth::reason_index;
use crate::models::Day;
use crate::models::{Column, ColumnSet};

pub(super) fn rows(seeded: &SeededLaws, lives: impl Iterator<Item = Life>, columns: ColumnSet) -> Vec<Column> {
    let laws = seeded.laws();
    let (parameters, window) = (laws.parameters(), laws.window());
    let lives: Vec<Life> = lives.collect();
    let class = |of: fn(&Life) -> u8, values: [f64; 8]| {
        Column::Float64(lives.iter().map(|life| values[usize::from(of(life))]).collect())
    };
    let ended = |life: &Life| window.first + life.end() as Day - Day::from(life.has_ended());
    let spells = |life: &Life| life.cycles.last().map_or(0, |cycle| cycle.spell as i32 + 1);
    let column = |index| match index {
        0 => Column::Int64(lives.iter().map(|life| life.profile.id as i64).collect()),
        1 => class(|life| life.profile.frailty, laws.frailty),
        2 => class(|life| life.profile.intensity, laws.intensity),
        3 => class(|life| life.profile.intensity, parameters.intensity.activity),
        4 => Column::Date(lives.iter().map(ended).collect()),
        5 => Column::Text(lives.iter().map(|life| reason_index(life.reason())).collect()),
        _ => Column::Int32(lives.iter().map(spells).collect()),
    };
    columns.indices().map(column).collect()
}
