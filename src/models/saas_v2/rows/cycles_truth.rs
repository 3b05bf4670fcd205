//! `cycles_truth`: one row for each cycle as a customer, with every probability that was at work.

use super::super::laws::Reason;
use super::super::seeded_laws::SeededLaws;
use super::super::timeline::{Attempt, Cycle, Life, Outcome};
use super::money::Contract;
use crate::models::Day;
use crate::models::{Column, ColumnSet};
use std::ops::Range;

type Row = (u64, Cycle);

pub(super) fn rows(
    seeded: &SeededLaws,
    lives: impl Iterator<Item = Life>,
    days: Range<Day>,
    columns: ColumnSet,
) -> Vec<Column> {
    let laws = seeded.laws();
    let first_day = laws.window().first;
    let mut rows: Vec<Row> = Vec::new();
    for life in lives {
        let asked = life.cycles.into_iter().filter(|cycle| days.contains(&(first_day + cycle.first as Day)));
        rows.extend(asked.map(|cycle| (life.profile.id, cycle)));
    }
    let int32 = |value: fn(&Cycle) -> u32| Column::Int32(rows.iter().map(|(_, cycle)| value(cycle) as i32).collect());
    let date = |value: fn(&Cycle) -> u32| {
        Column::Date(rows.iter().map(|(_, cycle)| first_day + value(cycle) as Day).collect())
    };
    let text = |value: fn(&Cycle) -> u8| Column::Text(rows.iter().map(|(_, cycle)| value(cycle)).collect());
    let float = |value: fn(&Cycle) -> f64| Column::Float64(rows.iter().map(|(_, cycle)| value(cycle)).collect());
    let seats =
        |(_, cycle): &Row| Contract { plan: cycle.plan, is_annual: cycle.is_annual, rung: cycle.rung }.seats(laws);
    let column = |index| match index {
        0 => Column::Int64(rows.iter().map(|&(id, _)| id as i64).collect()),
        1 => int32(|cycle| cycle.number),
        2 => int32(|cycle| cycle.spell),
        3 => int32(|cycle| cycle.spell_age),
        4 => date(|cycle| cycle.first),
        5 => date(|cycle| cycle.service_end - 1),
        6 => text(|cycle| cycle.plan),
        7 => text(|cycle| u8::from(cycle.is_annual)),
        8 => Column::Int32(rows.iter().map(seats).collect()),
        9 => text(|cycle| cycle.engagement),
        10 => int32(|cycle| cycle.problem_tickets),
        11 => text(|cycle| match cycle.attempt {
            Attempt::None => 0,
            Attempt::Ok => 1,
            Attempt::Late(_) => 2,
            Attempt::Failed => 3,
        }),
        12 => float(|cycle| cycle.failure),
        13 => float(|cycle| cycle.hazards.chance_to_leave()),
        14 => float(|cycle| cycle.hazards.unused),
        15 => float(|cycle| cycle.hazards.support),
        16 => float(|cycle| cycle.hazards.billing),
        17 => float(|cycle| cycle.hazards.other),
        18 => Column::Boolean(rows.iter().map(|(_, cycle)| cycle.is_decided).collect()),
        19 => text(|cycle| match cycle.outcome {
            Outcome::Stays => 0,
            Outcome::Leaves => 1,
            Outcome::Unpaid => 2,
            Outcome::Open => 3,
        }),
        _ => text(|cycle| reason_index(cycle.reason)),
    };
    columns.indices().map(column).collect()
}

/// Returns the index of the reason's name.
pub(super) fn reason_index(reason: Reason) -> u8 {
    match reason {
        Reason::None => 0,
        Reason::Unused => 1,
        Reason::Support => 2,
        Reason::Billing => 3,
        Reason::Other => 4,
        Reason::Payment => 5,
    }
}
