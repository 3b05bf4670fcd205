//! Checks of the rows of a chunk of customers, one customer after another.

use super::customer::{Cursor, Customer, CustomerRows};
use super::customers::{self, Known};
use super::cycle_rows::CycleRow;
use super::{billing, customer_truth, cycles_truth, subscriptions, support, usage};
use crate::error::{Error, Result};
use crate::models::Table;
use crate::models::saas_v2::{
    BILLING, CUSTOMER_TRUTH, CUSTOMERS, CYCLES_TRUTH, SUBSCRIPTIONS, SUPPORT, USAGE_DAILY, USAGE_TRUTH,
};
use crate::verify::customer_chunk::CustomerChunk;
use crate::verify::rules::Rule;
use crate::verify::saas_v2::aggregates::Aggregates;
use crate::verify::saas_v2::derived_model::DerivedModel;
use crate::verify::violations::Violations;

/// The tables whose rows belong to customers, except `customers`.
const TABLES: [Table; 7] = [SUBSCRIPTIONS, USAGE_DAILY, BILLING, SUPPORT, CYCLES_TRUTH, CUSTOMER_TRUTH, USAGE_TRUTH];

/// The rows of a customer in each of the [`TABLES`] that the data set has.
type Parts<'a> = [Option<CustomerRows<'a>>; TABLES.len()];

/// Counts the rows and records violations.
///
/// # Errors
/// Returns [`Error::Internal`] if the chunk has no customers, neither read nor generated.
pub fn check_customers(
    model: &DerivedModel,
    chunk: &CustomerChunk<'_>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) -> Result<()> {
    let ids = &chunk.ids;
    let known = match (chunk.rows(CUSTOMERS), chunk.generated_rows(CUSTOMERS)) {
        (Some((table, rows)), _) => customers::check(model, ids, table, rows, aggregates, violations),
        (None, Some(table)) => customers::check(model, ids, &table, 0..table.len(), aggregates, violations),
        (None, None) => {
            return Err(Error::Internal("there are neither customers nor a claim to generate them".into()));
        }
    };
    let mut cursors = TABLES.map(|table| {
        let (rows, range) = chunk.rows(table)?;
        aggregates.add_rows(table, range.len());
        Some(Cursor::new(rows, range))
    });
    for (id, known) in ids.clone().zip(known) {
        let parts = cursors.each_mut().map(|cursor| cursor.as_mut().map(|cursor| cursor.take(id)));
        match known {
            Known::Usable(customer) => check(model, &customer, &parts, aggregates, violations),
            Known::Unusable => {}
            Known::Missing => record_unowned(model, &parts, violations),
        }
    }
    Ok(())
}

/// Records the rows of a customer that does not exist.
fn record_unowned(model: &DerivedModel, parts: &Parts<'_>, violations: &mut Violations) {
    for part in parts.iter().flatten() {
        for row in part.rows() {
            violations.record(part.table.table(), Rule::CustomerExists, || part.table.describe(row, &model.source));
        }
    }
}

/// Checks all rows of one customer. The tables that show the end of service come first.
fn check(
    model: &DerivedModel,
    customer: &Customer,
    parts: &Parts<'_>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) {
    let [events, logged, invoices, tickets, cycles, truth, active] = parts;
    let subscription = events.as_ref().map(|part| subscriptions::check(model, customer, part, aggregates, violations));
    let traits = truth.as_ref().map(|part| customer_truth::check(model, customer, part, aggregates, violations));
    let cycles: Option<Vec<CycleRow>> = cycles.as_ref().map(|part| {
        let frailty = traits.as_ref().map(|traits| traits.frailty);
        cycles_truth::check(model, customer, part, frailty, aggregates, violations)
    });
    if let (Some(cycles), Some(subscription)) = (&cycles, &subscription) {
        cycles_truth::check_ends(model, customer, cycles, subscription, violations);
    }
    if let Some(traits) = &traits {
        if let Some(cycles) = &cycles {
            customer_truth::check_cycles(model, customer, traits, cycles, violations);
        }
        if let Some(subscription) = &subscription {
            customer_truth::check_subscription(model, customer, traits, subscription, violations);
        }
    }
    let service_end = service_end(model, customer, subscription.as_ref().map(|own| own.end), cycles.as_deref());
    let class = traits.as_ref().and_then(|traits| traits.intensity_class());
    if let (Some(cycles), Some(class)) = (&cycles, class) {
        usage::count_service(customer, cycles, class, aggregates);
    }
    let usage = usage::Usage { model, customer, cycles: cycles.as_deref(), service_end, class };
    if let Some(part) = logged {
        usage.check(part, &mut aggregates.usage_daily, violations);
        if let Some(active) = active {
            usage::check_logged(model, part, active, violations);
        }
    }
    if let Some(part) = active {
        usage.check(part, &mut aggregates.usage_truth, violations);
    }
    if let Some(part) = invoices {
        let found = billing::check(model, customer, part, subscription.as_ref(), aggregates, violations);
        if let Some(cycles) = &cycles {
            cycles_truth::check_invoices(model, customer, cycles, &found, violations);
        }
    }
    if let Some(part) = tickets {
        let found = support::check(model, customer, part, service_end, aggregates, violations);
        if let Some(cycles) = &cycles {
            support::check_cycles(model, customer, cycles, &found, aggregates, violations);
        }
    }
}

/// Returns the last day of service, if a table shows it. Customers on Free leave without an event.
fn service_end(
    model: &DerivedModel,
    customer: &Customer,
    subscription_end: Option<Option<i32>>,
    cycles: Option<&[CycleRow]>,
) -> Option<i32> {
    match (cycles.and_then(<[CycleRow]>::last), subscription_end) {
        (Some(last), _) => Some(last.last),
        (None, Some(end)) if !customer.terms.is_free() => Some(end.unwrap_or(model.days() - 1)),
        _ => None,
    }
}
