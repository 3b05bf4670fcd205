//! Checks of `billing`, one customer after another.

use super::aggregates::Aggregates;
use super::profiles::{Profile, Profiles};
use crate::models::{Table, saas_v1};
use crate::verify::reading::{Rows, UNKNOWN};
use crate::verify::rules::Rule;
use crate::verify::saas_v1::derived_model::DerivedModel;
use crate::verify::saas_v1::rules;
use crate::verify::violations::Violations;
use std::ops::Range;

const TABLE: Table = saas_v1::BILLING;

/// Counts the invoices and records violations.
pub fn check(
    model: &DerivedModel,
    profiles: &Profiles,
    table: &Rows,
    rows: Range<usize>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) {
    aggregates.invoices += rows.len() as u64;
    profiles.for_each_customer(model, table, rows, violations, |customer, profile, customer_rows, violations| {
        let invoices = Invoices { model, table, customer, profile };
        if model.plans[profile.plan].price_cents == 0 {
            customer_rows.for_each(|row| violations.record(TABLE, rules::PAID_PLANS, || invoices.describe(row)));
        } else {
            invoices.check(customer_rows, aggregates, violations);
        }
    });
}

/// The invoices of one customer on a paid plan.
struct Invoices<'a> {
    model: &'a DerivedModel,
    table: &'a Rows,
    customer: i64,
    profile: Profile,
}

/// The values of an invoice that the next one is compared with.
#[derive(Clone, Copy)]
struct Invoice {
    id: i64,
    date: i32,
    jitter: Option<usize>,
    status: Option<usize>,
}

impl Invoices<'_> {
    fn check(&self, customer_rows: Range<usize>, aggregates: &mut Aggregates, violations: &mut Violations) {
        let (model, table) = (self.model, self.table);
        let (interval, jitter) = (model.interval_days, model.jitter_days);
        let (signup, last_day) = (model.window.first + self.profile.signup as i32, model.window.last());
        let (dates, ids) = (table.dates(2), table.int64(0));
        let mut before: Option<Invoice> = None;
        for row in customer_rows {
            let (date, id) = (dates[row], ids[row]);
            let mut record = |rule| violations.record(TABLE, rule, || self.describe(row));
            if table.money(3)[row] != model.plans[self.profile.plan].price_cents {
                record(rules::AMOUNT);
            }
            if !(signup..=last_day).contains(&date) {
                record(rules::DATES);
            }
            if before.is_some_and(|before| before.id == id) {
                record(Rule::UniqueKeys);
                continue;
            }
            let number = id.saturating_sub(self.customer * 1_000);
            let expected = before.map_or(1, |before| before.id.saturating_sub(self.customer * 1_000).saturating_add(1));
            if number != expected {
                record(rules::NUMBERS);
            }
            let due = number.saturating_mul(interval.into());
            if (i64::from(date) - i64::from(signup)).abs_diff(due) > jitter.unsigned_abs().into() {
                record(rules::DUE_DATE);
            }
            match before {
                None if !(interval - jitter..=interval + jitter).contains(&date.saturating_sub(signup)) => {
                    record(rules::FIRST_INVOICE)
                }
                Some(before)
                    if !(interval - 2 * jitter..=interval + 2 * jitter).contains(&date.saturating_sub(before.date)) =>
                {
                    record(rules::INVOICE_GAPS);
                }
                _ => {}
            }
            let now = Invoice { id, date, jitter: self.jitter(number, date), status: self.status(row) };
            self.count(before, now, aggregates);
            before = Some(now);
        }
        // The last day on which the next invoice can be dated.
        let next_due = match before {
            None => signup + interval + jitter,
            Some(before) => {
                let number = before.id.saturating_sub(self.customer * 1_000).clamp(0, 1_000) as i32;
                signup + interval * (number + 1) + jitter
            }
        };
        if next_due <= last_day {
            violations.record(TABLE, rules::LAST_INVOICE, || {
                let due = crate::models::date_of(next_due);
                format!("customer_id {} has no invoice by {due}, the last possible day of its next one", self.customer)
            });
        }
    }

    /// Returns the jitter of the invoice with this number, in days from the earliest possible day. Returns `None` if
    /// the date is impossible, or if the end of the window cuts off the latest possible days, which would bias the
    /// counts.
    fn jitter(&self, number: i64, date: i32) -> Option<usize> {
        let model = self.model;
        let number = i32::try_from(number).ok().filter(|number| (1..1_000).contains(number))?;
        let middle = model.window.first + self.profile.signup as i32 + model.interval_days * number;
        let days = date.saturating_sub(middle - model.jitter_days);
        let is_whole = middle + model.jitter_days <= model.window.last();
        (is_whole && (0..=2 * model.jitter_days).contains(&days)).then_some(days as usize)
    }

    fn status(&self, row: usize) -> Option<usize> {
        let status = self.table.text(4)[row];
        (status != UNKNOWN).then_some(usize::from(status))
    }

    fn count(&self, before: Option<Invoice>, now: Invoice, aggregates: &mut Aggregates) {
        let pair = |of: fn(Invoice) -> Option<usize>| Some((of(before?)?, of(now)?));
        if let Some(jitter) = now.jitter {
            aggregates.jitter.add(0, jitter, 1);
        }
        if let Some((one, next)) = pair(|invoice| invoice.jitter) {
            aggregates.jitter_pairs.add(one, next, 1);
        }
        if let Some((one, next)) = pair(|invoice| invoice.status) {
            aggregates.status_pairs.add(one, next, 1);
        }
        if let Some(status) = now.status {
            aggregates.statuses_by_plan.add(self.profile.plan, status, 1);
        }
        let day = now.date.saturating_sub(self.model.window.first);
        if let Some(status) = now.status.filter(|_| (0..self.model.days() as i32).contains(&day)) {
            aggregates.statuses.add(day as usize, status, 1);
        }
    }

    fn describe(&self, row: usize) -> String {
        self.table.describe(row, &self.model.source)
    }
}
