//! `cycles_truth`: one row for each cycle as a customer, with every probability that was at work.

use super::super::laws::{Hazards, Reason};
use super::super::seeded_laws::SeededLaws;
use super::super::timeline::{Attempt, Cycle, Life, Outcome};
use super::money::Contract;
use crate::models::Day;
use crate::models::{Column, ColumnSet};
use std::ops::Range;

struct Row {
    id: u64,
    cycle: Cycle,
    hazards: Hazards,
}

pub(super) fn rows(seeded: &SeededLaws, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let laws = seeded.laws();
    let first_day = laws.window().first;
    let mut rows: Vec<Row> = Vec::new();
    Life::for_each(seeded, ids, &days, |life| {
        let asked = life.cycles.iter().filter(|cycle| days.contains(&(first_day + cycle.first as Day)));
        rows.extend(asked.map(|&cycle| Row { id: life.profile.id, cycle, hazards: life.hazards(laws, &cycle) }));
    });
    let int32 = |value: fn(&Cycle) -> u32| Column::Int32(rows.iter().map(|row| value(&row.cycle) as i32).collect());
    let date =
        |value: fn(&Cycle) -> u32| Column::Date(rows.iter().map(|row| first_day + value(&row.cycle) as Day).collect());
    let text = |value: fn(&Cycle) -> u8| Column::Text(rows.iter().map(|row| value(&row.cycle)).collect());
    let float = |value: fn(&Hazards) -> f64| Column::Float64(rows.iter().map(|row| value(&row.hazards)).collect());
    let seats = |Row { cycle, .. }: &Row| {
        Contract { plan: cycle.plan, is_annual: cycle.is_annual, rung: cycle.rung }.seats(laws)
    };
    let column = |index| match index {
        0 => Column::Int64(rows.iter().map(|row| row.id as i64).collect()),
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
        12 => Column::Float64(rows.iter().map(|row| row.cycle.payment_failure(laws)).collect()),
        13 => float(Hazards::chance_to_leave),
        14 => float(|hazards| hazards.unused),
        15 => float(|hazards| hazards.support),
        16 => float(|hazards| hazards.billing),
        17 => float(|hazards| hazards.other),
        18 => Column::Boolean(rows.iter().map(|row| row.cycle.is_decided).collect()),
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
