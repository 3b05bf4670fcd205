//! Checks of `billing`.

use super::customer::{Customer, CustomerRows};
use super::numbers::Numbers;
use super::subscriptions::Subscription;
use crate::models::Table;
use crate::models::saas_v2::BILLING;
use crate::verify::reading::Rows;
use crate::verify::rules::Rule;
use crate::verify::saas_v2::aggregates::Aggregates;
use crate::verify::saas_v2::derived_model::DerivedModel;
use crate::verify::saas_v2::rules;
use crate::verify::saas_v2::terms::Terms;
use crate::verify::violations::Violations;

const TABLE: Table = BILLING;

pub const PAID: u8 = 0;
pub const LATE: u8 = 1;
pub const FAILED: u8 = 2;
pub const OPEN: u8 = 3;

/// An invoice, with its dates as days of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invoice {
    pub billed: i32,
    pub settled: i32,
    pub status: u8,
}

/// Counts the invoices of a customer and records violations. Returns the invoices with different ids.
pub fn check(
    model: &DerivedModel,
    customer: &Customer,
    part: &CustomerRows<'_>,
    subscription: Option<&Subscription>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) -> Vec<Invoice> {
    let table = part.table;
    let period = model.period(customer.terms.is_annual);
    let mut numbers = Numbers::of(customer.id);
    let mut invoices: Vec<Invoice> = Vec::with_capacity(part.range.len());
    for row in part.rows() {
        let mut record = |rule| violations.record(TABLE, rule, || table.describe(row, &model.source));
        if let Some(rule) = numbers.next(table.int64(0)[row]) {
            record(rule);
            if rule == Rule::UniqueKeys {
                continue;
            }
        }
        if customer.terms.is_free() {
            record(rules::PAID_PLANS);
            continue;
        }
        let invoice = invoice(model, table, row);
        if !model.is_since(customer.signup, invoice.billed) {
            record(rules::DATES);
        }
        if invoice.billed != customer.cycle_start(model, invoices.len() * period) {
            record(rules::DUE);
        }
        if Terms::read(table, [6, 7, 8], row) != Some(customer.terms) {
            record(rules::TERMS);
        }
        if table.money(3)[row] != model.mrr(customer.terms) * period as i128 {
            record(rules::AMOUNT);
        }
        if !is_settled_in_time(model, invoice) {
            record(rules::SETTLED);
        }
        let before = invoices.last().copied();
        let is_possible = match before {
            None => invoice.status == PAID,
            Some(before) => before.status == PAID || before.status == LATE,
        };
        if !is_possible {
            record(rules::STATUS);
        }
        count(model, customer, before, invoice, aggregates);
        invoices.push(invoice);
    }
    if let Some(subscription) = subscription.filter(|_| !customer.terms.is_free()) {
        check_service(model, customer, &invoices, subscription, violations);
    }
    invoices
}

fn invoice(model: &DerivedModel, table: &Rows, row: usize) -> Invoice {
    let day = |column: usize| model.day(table.dates(column)[row]);
    Invoice { billed: day(2), settled: day(5), status: table.text(4)[row] }
}

/// Returns whether the status can be reached on the day that is stated. A status that would be reached after the
/// window is open.
fn is_settled_in_time(model: &DerivedModel, invoice: Invoice) -> bool {
    let billing = &model.parameters().billing;
    let days = invoice.settled.saturating_sub(invoice.billed);
    let last = model.days() - 1;
    let is_inside = invoice.settled <= last;
    match invoice.status {
        PAID => days == 0,
        LATE => is_inside && (billing.late_min..=billing.late_max).contains(&i64::from(days)),
        FAILED => is_inside && days == model.grace(),
        OPEN => invoice.settled == last && days < model.grace(),
        _ => true,
    }
}

/// Checks that invoices go on to the end of service, and that a failed one ends it.
fn check_service(
    model: &DerivedModel,
    customer: &Customer,
    invoices: &[Invoice],
    subscription: &Subscription,
    violations: &mut Violations,
) {
    let period = model.period(customer.terms.is_annual);
    let end = subscription.end.unwrap_or(model.days() - 1).min(model.days() - 1);
    let due = (0..).take_while(|number| customer.cycle_start(model, number * period) <= end).count();
    if invoices.len() != due {
        violations.record(TABLE, rules::ALL_INVOICES, || {
            let (id, found, end) = (customer.id, invoices.len(), model.date(end));
            format!("customer_id {id} has {found} invoices, and {due} payments are due by {end}")
        });
    }
    let failed = invoices.last().filter(|last| last.status == FAILED).map(|last| last.settled);
    let unpaid = subscription.end.filter(|_| subscription.is_unpaid());
    if failed != unpaid {
        violations.record(TABLE, rules::UNPAID, || {
            let day = |day: Option<i32>| day.map_or("none".to_string(), |day| model.date(day));
            let (id, failed, unpaid) = (customer.id, day(failed), day(unpaid));
            format!("customer_id {id}: last invoice failed on {failed}, end without a cancel on {unpaid}")
        });
    }
}

fn count(
    model: &DerivedModel,
    customer: &Customer,
    before: Option<Invoice>,
    invoice: Invoice,
    aggregates: &mut Aggregates,
) {
    if invoice.status > OPEN || !model.is_since(customer.signup, invoice.billed) {
        return;
    }
    let status = usize::from(invoice.status);
    aggregates.statuses.add(model.month_of(invoice.billed), status, 1);
    let is_seen = |days: i64| i64::from(invoice.billed) + days < i64::from(model.days());
    // No status can depend on the window's end here, or the late ones would be too few.
    if let Some(before) = before.filter(|_| is_seen(model.grace().into()) && invoice.status != OPEN) {
        let has_failed_before = usize::from(before.status == LATE);
        aggregates.attempts.add(customer.terms.plan_term() * 2 + has_failed_before, status, 1);
    }
    let billing = &model.parameters().billing;
    let days = i64::from(invoice.settled) - i64::from(invoice.billed);
    let is_counted = (billing.late_min..=billing.late_max).contains(&days) && is_seen(billing.late_max);
    if invoice.status == LATE && is_counted {
        aggregates.days_late.add(0, (days - billing.late_min) as usize, 1);
    }
}
