//! `billing`: one row for each payment that was due.

use super::super::seeded_laws::SeededLaws;
use super::super::timeline::{Attempt, Cycle, Life};
use super::money::Contract;
use crate::models::Day;
use crate::models::{Column, ColumnSet};
use std::ops::Range;

struct Invoice {
    customer: u64,
    /// The number of the invoice among those of the customer, from 1.
    number: i64,
    date: Day,
    status: u8,
    settled: Day,
    contract: Contract,
}

const PAID: u8 = 0;
const LATE: u8 = 1;
const FAILED: u8 = 2;
const OPEN: u8 = 3;

pub(super) fn rows(seeded: &SeededLaws, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let laws = seeded.laws();
    let mut invoices = Vec::new();
    Life::for_each(seeded, ids, &days, |life| {
        let due = life.cycles.iter().filter(|cycle| cycle.attempt != Attempt::None);
        let all = (1..).zip(due).map(|(number, cycle)| invoice(seeded, life.profile.id, number, cycle));
        invoices.extend(all.filter(|invoice| days.contains(&invoice.date)));
    });
    let int64 = |value: fn(&Invoice) -> i64| Column::Int64(invoices.iter().map(value).collect());
    let date = |value: fn(&Invoice) -> Day| Column::Date(invoices.iter().map(value).collect());
    let text = |value: fn(&Invoice) -> u8| Column::Text(invoices.iter().map(value).collect());
    let column = |index| match index {
        0 => int64(|invoice| invoice.customer as i64 * 1_000 + invoice.number),
        1 => int64(|invoice| invoice.customer as i64),
        2 => date(|invoice| invoice.date),
        3 => Column::Money(invoices.iter().map(|invoice| invoice.contract.amount(laws)).collect()),
        4 => text(|invoice| invoice.status),
        5 => date(|invoice| invoice.settled),
        6 => text(|invoice| invoice.contract.plan),
        7 => text(|invoice| u8::from(invoice.contract.is_annual)),
        _ => Column::Int32(invoices.iter().map(|invoice| invoice.contract.seats(laws)).collect()),
    };
    columns.indices().map(column).collect()
}

/// Returns the invoice of a cycle. Its status is open if it is reached after the window's last day.
fn invoice(seeded: &SeededLaws, customer: u64, number: i64, cycle: &Cycle) -> Invoice {
    let model = seeded.laws();
    let (first_day, last_day) = (model.window().first, model.window().last());
    let date = first_day + cycle.first as Day;
    let (status, settled) = match cycle.attempt {
        Attempt::None | Attempt::Ok => (PAID, date),
        Attempt::Late(days) => (LATE, date + days as Day),
        Attempt::Failed => (FAILED, date + model.parameters().billing.grace as Day),
    };
    let (status, settled) = if settled > last_day { (OPEN, last_day) } else { (status, settled) };
    let contract = Contract { plan: cycle.plan, is_annual: cycle.is_annual, rung: cycle.rung };
    Invoice { customer, number, date, status, settled, contract }
}
