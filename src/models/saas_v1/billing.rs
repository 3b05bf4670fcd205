//! `billing`: one row for each invoice of customers on a plan with a price.

use super::profiles::Profiles;
use super::seeded_laws::SeededLaws;
use crate::models::{Column, ColumnSet, Day, saas_v1::purposes};
use crate::random::philox::LANES;
use crate::random::{Address, uniform};
use multiversion::multiversion;
use std::ops::Range;

/// The number of invoices drawn together. An address has the words of two invoices.
const GROUP: usize = 2 * LANES;

/// The invoices of one customer, which follow each other.
struct CustomerInvoices {
    customer: u64,
    price: i128,
    /// The number of the first of these invoices, counted from 1 for each customer.
    number: i64,
    rows: usize,
}

/// The invoices of a block of customers.
#[derive(Default)]
struct Invoices {
    customers: Vec<CustomerInvoices>,
    dates: Vec<Day>,
    status: Vec<u8>,
}

pub(super) fn rows(seeded: &SeededLaws, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let Invoices { customers, dates, status } = invoices(seeded, ids, &days);
    let rows = dates.len();
    let (mut dates, mut status) = (Some(dates), Some(status));
    let column = |index| match index {
        0 => {
            let mut invoice_ids = Vec::with_capacity(rows);
            for invoices in &customers {
                let first = invoices.customer as i64 * 1_000 + invoices.number;
                invoice_ids.extend(first..first + invoices.rows as i64);
            }
            Column::Int64(invoice_ids)
        }
        1 => Column::Int64(repeated(&customers, rows, |invoices| invoices.customer as i64)),
        2 => Column::Date(dates.take().unwrap_or_default()),
        3 => Column::Money(repeated(&customers, rows, |invoices| invoices.price)),
        _ => Column::Text(status.take().unwrap_or_default()),
    };
    columns.indices().map(column).collect()
}

/// Returns a column with the customer's value for each invoice.
fn repeated<T: Copy>(customers: &[CustomerInvoices], rows: usize, value: impl Fn(&CustomerInvoices) -> T) -> Vec<T> {
    let mut values = Vec::with_capacity(rows);
    for invoices in customers {
        values.resize(values.len() + invoices.rows, value(invoices));
    }
    values
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn invoices(seeded: &SeededLaws, ids: Range<u64>, days: &Range<Day>) -> Invoices {
    let laws = seeded.laws();
    let window = seeded.window();
    let billing = &seeded.parameters().billing;
    let (interval, jitter) = (billing.interval_days as Day, billing.jitter_days as Day);
    let jitters = 2 * jitter as u32 + 1;
    let status_table = laws.status.sampler();
    let profiles = Profiles::of(seeded, ids.clone());

    let mut found = Invoices::default();
    let (mut dates, mut status): (Vec<Day>, Vec<u8>) = (Vec::new(), Vec::new());
    for ((customer, plan), signup) in ids.zip(profiles.plan).zip(profiles.signup) {
        let price = laws.plans[usize::from(plan)].price_cents;
        let signup = window.first + signup as Day;
        // Invoice n is at most `jitter` days from signup + interval x n. Only invoices that can be in `days` are drawn.
        let nearest = (days.start - jitter - signup).max(interval).div_euclid(interval);
        let furthest = (days.end - 1 + jitter - signup).div_euclid(interval);
        if price == 0 || furthest < nearest {
            continue;
        }
        let first_item = (nearest as usize - 1) / 2;
        let first = 2 * first_item as Day + 1;
        let groups = ((furthest - first) as usize + 1).div_ceil(GROUP);
        if dates.len() < groups * GROUP {
            dates.resize(groups * GROUP, 0);
            status.resize(groups * GROUP, 0);
        }
        for group in 0..groups {
            let mut items = [0; LANES];
            for (lane, item) in items.iter_mut().enumerate() {
                *item = (first_item + group * LANES + lane) as u64;
            }
            let words = Address::words_of_lanes(seeded.round_keys(), [customer; LANES], items, purposes::INVOICE);
            let (dates, status) = (&mut dates[group * GROUP..][..GROUP], &mut status[group * GROUP..][..GROUP]);
            let earliest = signup - jitter + interval * (first + (group * GROUP) as Day);
            for lane in 0..LANES {
                let earliest = earliest + interval * 2 * lane as Day;
                dates[2 * lane] = earliest + uniform(words[0][lane], jitters) as Day;
                dates[2 * lane + 1] = earliest + interval + uniform(words[2][lane], jitters) as Day;
            }
            for lane in 0..LANES {
                status[2 * lane] = status_table.index(words[1][lane]) as u8;
                status[2 * lane + 1] = status_table.index(words[3][lane]) as u8;
            }
        }
        // Dates ascend with n, so the invoices in `days` are contiguous.
        let (mut from, mut to) = ((nearest - first) as usize, (furthest - first) as usize + 1);
        while from < to && dates[from] < days.start {
            from += 1;
        }
        while from < to && dates[to - 1] >= days.end {
            to -= 1;
        }
        if from < to {
            found.dates.extend_from_slice(&dates[from..to]);
            found.status.extend_from_slice(&status[from..to]);
            let number = i64::from(first) + from as i64;
            found.customers.push(CustomerInvoices { customer, price, number, rows: to - from });
        }
    }
    found.dates.shrink_to_fit();
    found.status.shrink_to_fit();
    found
}
