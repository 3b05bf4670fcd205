//! `support`: one row a ticket.

use super::profiles::Profiles;
use super::{Column, ColumnSet, DataSet};
use crate::model::Day;
use crate::random::philox::LANES;
use crate::random::{Address, Purpose, uniform};
use std::ops::Range;

pub(super) fn rows(data_set: &DataSet, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let laws = data_set.laws();
    let window = data_set.model().window();
    let profiles = Profiles::of(data_set, ids.clone());
    let counts = ticket_counts(data_set, ids.clone(), &profiles.signup);

    let mut ticket_id = Vec::new();
    let mut customers = Vec::new();
    let mut ticket_date = Vec::new();
    let mut category = Vec::new();
    let mut priority = Vec::new();
    let mut tickets: Vec<(Day, [u32; 2])> = Vec::new();
    for ((customer, signup), count) in ids.zip(profiles.signup).zip(counts) {
        let signup_date = window.first + signup as Day;
        tickets.clear();
        tickets.extend((0..count).map(|item| {
            let words = Address { customer, item, purpose: Purpose::Ticket }.words(data_set.seed());
            (signup_date + uniform(words[0], window.days - signup) as Day, [words[1], words[2]])
        }));
        // Ids follow the dates; tickets of one day keep the order in which they were drawn.
        tickets.sort_by_key(|&(date, _)| date);
        for (number, &(date, [category_word, priority_word])) in (1..).zip(&tickets) {
            if days.contains(&date) {
                ticket_id.push(customer as i64 * 1_000 + number);
                customers.push(customer as i64);
                ticket_date.push(date);
                category.push(laws.category.index(category_word) as u8);
                priority.push(laws.priority.index(priority_word) as u8);
            }
        }
    }
    let all = [
        Column::Int64(ticket_id),
        Column::Int64(customers),
        Column::Date(ticket_date),
        Column::Text(category),
        Column::Text(priority),
    ];
    columns.select(all)
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
