//! The checks of `billing`, customer by customer.

use super::customers::{Profile, Profiles};
use super::facts::Facts;
use super::findings::{Findings, Rule};
use super::rows::{Rows, UNKNOWN};
use super::tally::Tally;
use crate::tables::Table;
use std::ops::Range;

const TABLE: Table = Table::Billing;

/// Counts the invoices, and notes what is wrong with them.
pub(super) fn check(
    facts: &Facts,
    profiles: &Profiles,
    table: &Rows,
    rows: Range<usize>,
    tally: &mut Tally,
    findings: &mut Findings,
) {
    tally.invoices += rows.len() as u64;
    profiles.each(facts, table, rows, findings, |customer, profile, run, findings| {
        let invoices = Invoices { facts, table, customer, profile };
        if facts.plans[profile.plan].price_cents == 0 {
            run.for_each(|row| findings.note(TABLE, Rule::PaidPlans, || invoices.describe(row)));
        } else {
            invoices.check(run, tally, findings);
        }
    });
}

/// The invoices of one customer on a paid plan.
struct Invoices<'a> {
    facts: &'a Facts,
    table: &'a Rows,
    customer: i64,
    profile: Profile,
}

/// The invoice before, as the next one is judged by it.
#[derive(Clone, Copy)]
struct Before {
    id: i64,
    date: i32,
    jitter: Option<usize>,
    status: Option<usize>,
}

impl Invoices<'_> {
    fn check(&self, run: Range<usize>, tally: &mut Tally, findings: &mut Findings) {
        let (facts, table) = (self.facts, self.table);
        let (interval, jitter) = (facts.interval_days, facts.jitter_days);
        let (signup, last_day) = (facts.window.first + self.profile.signup as i32, facts.window.last());
        let (dates, ids) = (table.dates(2), table.int64(0));
        let mut before: Option<Before> = None;
        for row in run {
            let (date, id) = (dates[row], ids[row]);
            let mut note = |rule| findings.note(TABLE, rule, || self.describe(row));
            if table.money(3)[row] != facts.plans[self.profile.plan].price_cents {
                note(Rule::Amount);
            }
            if !(signup..=last_day).contains(&date) {
                note(Rule::Dates);
            }
            if before.is_some_and(|before| before.id == id) {
                note(Rule::UniqueKeys);
                continue;
            }
            let number = id.saturating_sub(self.customer * 1_000);
            let expected = before.map_or(1, |before| before.id.saturating_sub(self.customer * 1_000).saturating_add(1));
            if number != expected {
                note(Rule::Numbers);
            }
            let due = number.saturating_mul(interval.into());
            if (i64::from(date) - i64::from(signup)).abs_diff(due) > jitter.unsigned_abs().into() {
                note(Rule::DueDate);
            }
            match before {
                None if !(interval - jitter..=interval + jitter).contains(&date.saturating_sub(signup)) => {
                    note(Rule::FirstInvoice)
                }
                Some(before)
                    if !(interval - 2 * jitter..=interval + 2 * jitter).contains(&date.saturating_sub(before.date)) =>
                {
                    note(Rule::InvoiceGaps);
                }
                _ => {}
            }
            let now = Before { id, date, jitter: self.jitter(number, date), status: self.status(row) };
            self.count(before, now, tally);
            before = Some(now);
        }
        // The next one is due by then, however late it comes.
        let next_due = match before {
            None => signup + interval + jitter,
            Some(before) => {
                let number = before.id.saturating_sub(self.customer * 1_000).clamp(0, 1_000) as i32;
                signup + interval * (number + 1) + jitter
            }
        };
        if next_due <= last_day {
            findings.note(TABLE, Rule::LastInvoice, || {
                let due = crate::model::date_of(next_due);
                format!("customer_id {} has no invoice by {due}, when its next one is due", self.customer)
            });
        }
    }

    /// How many days early or late the invoice with this number is, counted from the earliest possible; `None` where
    /// that can't be, or the end of the window cuts off the latest ones, which leaves the others more common.
    fn jitter(&self, number: i64, date: i32) -> Option<usize> {
        let facts = self.facts;
        let number = i32::try_from(number).ok().filter(|number| (1..1_000).contains(number))?;
        let middle = facts.window.first + self.profile.signup as i32 + facts.interval_days * number;
        let days = date.saturating_sub(middle - facts.jitter_days);
        let is_whole = middle + facts.jitter_days <= facts.window.last();
        (is_whole && (0..=2 * facts.jitter_days).contains(&days)).then_some(days as usize)
    }

    fn status(&self, row: usize) -> Option<usize> {
        let status = self.table.text(4)[row];
        (status != UNKNOWN).then_some(usize::from(status))
    }

    fn count(&self, before: Option<Before>, now: Before, tally: &mut Tally) {
        let pair = |of: fn(Before) -> Option<usize>| Some((of(before?)?, of(now)?));
        if let Some(jitter) = now.jitter {
            tally.jitter.add(0, jitter, 1);
        }
        if let Some((one, next)) = pair(|invoice| invoice.jitter) {
            tally.jitter_pairs.add(one, next, 1);
        }
        if let Some((one, next)) = pair(|invoice| invoice.status) {
            tally.status_pairs.add(one, next, 1);
        }
        if let Some(status) = now.status {
            tally.statuses_by_plan.add(self.profile.plan, status, 1);
        }
        let day = now.date.saturating_sub(self.facts.window.first);
        if let Some(status) = now.status.filter(|_| (0..self.facts.days() as i32).contains(&day)) {
            tally.statuses.add(day as usize, status, 1);
        }
    }

    fn describe(&self, row: usize) -> String {
        self.table.describe(row, self.facts.model.parameters())
    }
}
