//! `subscriptions`: one row for each start, cancellation and end. Customers on Free leave without a row.

use super::super::laws::FREE;
use super::super::seeded_laws::SeededLaws;
use super::super::timeline::{Life, Outcome};
use super::money::Contract;
use crate::models::Day;
use crate::models::{Column, ColumnSet};
use std::ops::Range;

/// An event, with the state after it.
struct Event {
    customer: u64,
    /// The number of the event among those of the customer, from 1.
    number: i64,
    date: Day,
    /// Index of the event's name.
    kind: u8,
    contract: Contract,
    mrr: i128,
    mrr_change: i128,
}

const START: u8 = 0;
const CANCEL: u8 = 5;
const END: u8 = 6;

pub(super) fn rows(seeded: &SeededLaws, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let mut events = Vec::new();
    Life::for_each(seeded, ids, &days, |life| {
        events.extend(events_of(seeded, life).filter(|event| days.contains(&event.date)));
    });
    let laws = seeded.laws();
    let int64 = |value: fn(&Event) -> i64| Column::Int64(events.iter().map(value).collect());
    let text = |value: fn(&Event) -> u8| Column::Text(events.iter().map(value).collect());
    let column = |index| match index {
        0 => int64(|event| event.customer as i64 * 1_000 + event.number),
        1 => int64(|event| event.customer as i64),
        2 => Column::Date(events.iter().map(|event| event.date).collect()),
        3 => text(|event| event.kind),
        4 => text(|event| event.contract.plan),
        5 => text(|event| u8::from(event.contract.is_annual)),
        6 => Column::Int32(events.iter().map(|event| event.contract.seats(laws)).collect()),
        7 => Column::Money(events.iter().map(|event| event.mrr).collect()),
        _ => Column::Money(events.iter().map(|event| event.mrr_change).collect()),
    };
    columns.indices().map(column).collect()
}

/// Returns the events of a customer, in the order of their dates.
fn events_of(seeded: &SeededLaws, life: &Life) -> impl Iterator<Item = Event> {
    let laws = seeded.laws();
    let (first_day, profile) = (laws.window().first, life.profile);
    let contract = Contract { plan: profile.plan, is_annual: profile.is_annual, rung: profile.rung };
    let mrr = contract.mrr(laws);
    let last = life.cycles.last().filter(|_| profile.plan != FREE);
    let cancelled = last.and_then(|cycle| cycle.cancelled).map(|day| (day, CANCEL, mrr, 0));
    let ended = last.filter(|cycle| matches!(cycle.outcome, Outcome::Leaves | Outcome::Unpaid));
    // The last day of service.
    let ended = ended.map(|cycle| (cycle.service_end - 1, END, 0, -mrr));
    let all = std::iter::once((profile.signup, START, mrr, mrr)).chain(cancelled).chain(ended);
    (1..).zip(all).map(move |(number, (day, kind, mrr, mrr_change))| Event {
        customer: profile.id,
        number,
        date: first_day + day as Day,
        kind,
        contract,
        mrr,
        mrr_change,
    })
}
