//! `support`: one row for each support ticket.

use super::super::purposes;
use super::super::seeded_laws::SeededLaws;
use super::super::timeline::{Cycle, Life};
use crate::models::Day;
use crate::models::{Column, ColumnSet};
use crate::random::{Address, uniform};
use std::ops::Range;

struct Ticket {
    customer: u64,
    /// The number of the ticket among those of the customer, from 1.
    number: i64,
    date: Day,
    category: u8,
    priority: u8,
}

const TECHNICAL: u8 = 0;
const BILLING: u8 = 1;
const HOWTO: u8 = 2;

/// The number of tickets of a cycle that have an address. Those of the second half are how-to tickets.
const ADDRESSES: u32 = 16;

pub(super) fn rows(seeded: &SeededLaws, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let mut tickets = Vec::new();
    Life::for_each(seeded, ids, &days, |life| {
        let all = life.cycles.iter().flat_map(|cycle| tickets_of(seeded, life.profile.id, cycle));
        let numbered = (1..).zip(all).map(|(number, ticket)| Ticket { number, ..ticket });
        tickets.extend(numbered.filter(|ticket| days.contains(&ticket.date)));
    });
    let int64 = |value: fn(&Ticket) -> i64| Column::Int64(tickets.iter().map(value).collect());
    let text = |value: fn(&Ticket) -> u8| Column::Text(tickets.iter().map(value).collect());
    let column = |index| match index {
        0 => int64(|ticket| ticket.customer as i64 * 1_000 + ticket.number),
        1 => int64(|ticket| ticket.customer as i64),
        2 => Column::Date(tickets.iter().map(|ticket| ticket.date).collect()),
        3 => text(|ticket| ticket.category),
        _ => text(|ticket| ticket.priority),
    };
    columns.indices().map(column).collect()
}

/// Returns the tickets of a cycle while service lasts, sorted by date and then by their addresses.
fn tickets_of(seeded: &SeededLaws, customer: u64, cycle: &Cycle) -> Vec<Ticket> {
    let laws = seeded.laws();
    let words = |item, purpose| Address { customer, item, purpose }.words(seeded.seed());
    let [howto_word, ..] = words(cycle.number, purposes::CYCLE_EXTRAS);
    let howto = &laws.plans[usize::from(cycle.plan)].howto_tickets[usize::from(cycle.number > 0)];
    let howto = howto[usize::from(cycle.engagement)].value(howto_word) as u32;
    let addresses = (0..cycle.problem_tickets).chain(ADDRESSES / 2..ADDRESSES / 2 + howto);
    let ticket = |address: u32| {
        let [day, category, priority, _] = words(cycle.number * ADDRESSES + address, purposes::TICKET);
        let day = cycle.first + uniform(day, cycle.end - cycle.first);
        let (category, priorities) = if address >= ADDRESSES / 2 {
            (HOWTO, &laws.howto_priority)
        } else if category < laws.technical.threshold {
            (TECHNICAL, &laws.problem_priority)
        } else {
            (BILLING, &laws.problem_priority)
        };
        (day, category, priorities.index(priority) as u8)
    };
    let mut tickets: Vec<_> = addresses.map(ticket).filter(|&(day, ..)| day < cycle.service_end).collect();
    tickets.sort_by_key(|&(day, ..)| day);
    let first_day = laws.window().first;
    let rows = tickets.into_iter().map(|(day, category, priority)| Ticket {
        customer,
        number: 0,
        date: first_day + day as Day,
        category,
        priority,
    });
    rows.collect()
}
