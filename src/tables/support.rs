//! `support`: one row a ticket.

use super::profiles::Profiles;
use super::{Column, ColumnSet, DataSet};
use crate::model::Day;
use crate::random::philox::LANES;
use crate::random::{Address, Purpose, uniform};
use std::ops::Range;

#[derive(Clone, Copy)]
struct Ticket {
    customer: i64,
    /// Counts the customer's tickets by date, from 1.
    number: i64,
    date: Day,
    category_word: u32,
    priority_word: u32,
}

pub(super) fn rows(data_set: &DataSet, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let laws = data_set.laws();
    let window = data_set.model().window();
    let profiles = Profiles::of(data_set, ids.clone());
    let counts = ticket_counts(data_set, ids.clone(), &profiles.signup);

    let mut tickets = Vec::new();
    let mut own: Vec<Ticket> = Vec::new();
    for ((customer, signup), count) in ids.zip(profiles.signup).zip(counts) {
        let signup_date = window.first + signup as Day;
        own.clear();
        own.extend((0..count).map(|item| {
            let [date, category_word, priority_word, _] =
                Address { customer, item, purpose: Purpose::Ticket }.words(data_set.seed());
            let date = signup_date + uniform(date, window.days - signup) as Day;
            Ticket { customer: customer as i64, number: 0, date, category_word, priority_word }
        }));
        // Numbers follow the dates; tickets of one day keep the order in which they were drawn.
        own.sort_by_key(|ticket| ticket.date);
        let numbered = (1..).zip(&own).map(|(number, &ticket)| Ticket { number, ..ticket });
        tickets.extend(numbered.filter(|ticket| days.contains(&ticket.date)));
    }
    let column = |index| match index {
        0 => Column::Int64(tickets.iter().map(|ticket| ticket.customer * 1_000 + ticket.number).collect()),
        1 => Column::Int64(tickets.iter().map(|ticket| ticket.customer).collect()),
        2 => Column::Date(tickets.iter().map(|ticket| ticket.date).collect()),
        3 => Column::Text(tickets.iter().map(|ticket| laws.category.index(ticket.category_word) as u8).collect()),
        _ => Column::Text(tickets.iter().map(|ticket| laws.priority.index(ticket.priority_word) as u8).collect()),
    };
    columns.indices().map(column).collect()
}

fn ticket_counts(data_set: &DataSet, ids: Range<u64>, signups: &[u32]) -> Vec<u32> {
    let laws = data_set.laws();
    let days = data_set.model().window().days;
    let mut counts = Vec::with_capacity(signups.len());
    for (first, signups) in ids.step_by(LANES).zip(signups.chunks(LANES)) {
        let customers = std::array::from_fn(|lane| first + lane as u64);
        let [words, ..] = Address::words_of_lanes(data_set.seed(), customers, [0; LANES], Purpose::TicketCount);
        counts.extend(signups.iter().zip(words).map(|(signup, word)| {
            let tenure = days - 1 - signup;
            laws.tickets[tenure as usize].value(word as u32) as u32
        }));
    }
    counts
}
