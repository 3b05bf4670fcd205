//! `billing`: one row an invoice, for customers on a plan with a price.

use super::profiles::Profiles;
use super::{Column, ColumnSet, DataSet};
use crate::model::Day;
use crate::random::{Address, Purpose, uniform};
use std::ops::Range;

pub(super) fn rows(data_set: &DataSet, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let laws = data_set.laws();
    let window = data_set.model().window();
    let billing = &data_set.model().parameters().billing;
    let (interval, jitter) = (billing.interval_days as Day, billing.jitter_days as Day);
    let jitters = 2 * jitter as u32 + 1;
    let profiles = Profiles::of(data_set, ids.clone());

    let mut customers = Vec::new();
    let mut numbers = Vec::new();
    let mut bill_date = Vec::new();
    let mut amount = Vec::new();
    let mut status = Vec::new();
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
                customers.push(customer as i64);
                numbers.push(n);
                bill_date.push(date);
                amount.push(price);
                status.push(laws.status.index(status_word) as u8);
            }
        }
    }
    let invoice_id = customers.iter().zip(numbers).map(|(customer, n)| customer * 1_000 + i64::from(n)).collect();
    let all = [
        Column::Int64(invoice_id),
        Column::Int64(customers),
        Column::Date(bill_date),
        Column::Money(amount),
        Column::Text(status),
    ];
    columns.select(all)
}
