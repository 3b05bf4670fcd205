//! `billing`: one row an invoice, for customers on a plan with a price.

use super::profiles::Profiles;
use super::{Column, ColumnSet, DataSet};
use crate::model::Day;
use crate::random::{Address, Purpose, uniform};
use std::ops::Range;

struct Invoice {
    customer: i64,
    /// Counts the customer's invoices, from 1.
    number: i64,
    date: Day,
    price: i128,
    status_word: u32,
}

pub(super) fn rows(data_set: &DataSet, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let laws = data_set.laws();
    let window = data_set.model().window();
    let billing = &data_set.model().parameters().billing;
    let (interval, jitter) = (billing.interval_days as Day, billing.jitter_days as Day);
    let jitters = 2 * jitter as u32 + 1;
    let profiles = Profiles::of(data_set, ids.clone());

    let mut invoices = Vec::new();
    for ((customer, plan), signup) in ids.zip(profiles.plan).zip(profiles.signup) {
        let price = laws.plans[usize::from(plan)].price_cents;
        if price == 0 {
            continue;
        }
        let signup = window.first + signup as Day;
        // Invoice n falls within `jitter` of signup + interval x n: only those that can reach the asked days are drawn.
        let nearest = (days.start - jitter - signup).max(interval).div_euclid(interval);
        let furthest = (days.end - 1 + jitter - signup).div_euclid(interval);
        let mut words = [0; 4];
        for n in nearest..=furthest {
            let index = (n - 1) as u32;
            let is_first_of_two = index.is_multiple_of(2);
            if n == nearest || is_first_of_two {
                words = Address { customer, item: index / 2, purpose: Purpose::Invoice }.words(data_set.seed());
            }
            let [shift_word, status_word] = if is_first_of_two { [words[0], words[1]] } else { [words[2], words[3]] };
            let date = signup + interval * n - jitter + uniform(shift_word, jitters) as Day;
            if days.contains(&date) {
                invoices.push(Invoice { customer: customer as i64, number: i64::from(n), date, price, status_word });
            }
        }
    }
    let column = |index| match index {
        0 => Column::Int64(invoices.iter().map(|invoice| invoice.customer * 1_000 + invoice.number).collect()),
        1 => Column::Int64(invoices.iter().map(|invoice| invoice.customer).collect()),
        2 => Column::Date(invoices.iter().map(|invoice| invoice.date).collect()),
        3 => Column::Money(invoices.iter().map(|invoice| invoice.price).collect()),
        _ => Column::Text(invoices.iter().map(|invoice| laws.status.index(invoice.status_word) as u8).collect()),
    };
    columns.indices().map(column).collect()
}
