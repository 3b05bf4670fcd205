//! Checks of `subscriptions`.

use super::customer::{Customer, CustomerRows};
use super::numbers::Numbers;
use crate::models::Table;
use crate::models::saas_v2::SUBSCRIPTIONS;
use crate::verify::rules::Rule;
use crate::verify::saas_v2::aggregates::Aggregates;
use crate::verify::saas_v2::derived_model::DerivedModel;
use crate::verify::saas_v2::rules;
use crate::verify::saas_v2::terms::Terms;
use crate::verify::violations::Violations;

const TABLE: Table = SUBSCRIPTIONS;

const START: u8 = 0;
const CANCEL: u8 = 5;
const END: u8 = 6;

/// The kinds of ends that events show.
const BY_DECISION: usize = 0;
const UNPAID: usize = 1;

/// How the subscription of a customer ended, in days of the window.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subscription {
    /// The day of the request.
    pub cancel: Option<i32>,
    /// The last day of service.
    pub end: Option<i32>,
}

impl Subscription {
    /// Returns whether service ended for want of payment.
    pub fn is_unpaid(&self) -> bool {
        self.end.is_some() && self.cancel.is_none()
    }
}

/// Counts the events of a customer and records violations.
pub fn check(
    model: &DerivedModel,
    customer: &Customer,
    part: &CustomerRows<'_>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) -> Subscription {
    let table = part.table;
    let mut subscription = Subscription::default();
    let mut numbers = Numbers::of(customer.id);
    let (mut count, mut sum) = (0, 0_i128);
    for row in part.rows() {
        let mut record = |rule| violations.record(TABLE, rule, || table.describe(row, &model.source));
        if let Some(rule) = numbers.next(table.int64(0)[row]) {
            record(rule);
            if rule == Rule::UniqueKeys {
                continue;
            }
        }
        let day = model.day(table.dates(2)[row]);
        if !model.is_since(customer.signup, day) {
            record(rules::DATES);
        }
        if Terms::read(table, [4, 5, 6], row) != Some(customer.terms) {
            record(rules::TERMS);
        }
        let event = table.text(3)[row];
        let can_end = !customer.terms.is_free() && count > 0 && subscription.end.is_none();
        match event {
            START if count == 0 && day == customer.signup as i32 => {}
            _ if count == 0 => record(rules::START),
            CANCEL if can_end && subscription.cancel.is_none() => subscription.cancel = Some(day),
            END if can_end => subscription.end = Some(day),
            _ => record(rules::EVENTS),
        }
        count += 1;
        let expected = if event == END { 0 } else { model.mrr(customer.terms) };
        let (mrr, change) = (table.money(7)[row], table.money(8)[row]);
        if mrr != expected {
            record(rules::MRR);
        }
        sum = sum.saturating_add(change);
        if sum == mrr && mrr == expected {
            let size = u64::try_from(change.unsigned_abs()).unwrap_or(0);
            aggregates.mrr_changes.add(usize::from(change < 0), model.month_of(day), size);
        }
        if sum != mrr {
            record(rules::MRR_CHANGE);
            // The next row is compared with what this one states, so that one fault is counted once.
            sum = mrr;
        }
    }
    if count == 0 {
        violations.record(TABLE, rules::START, || format!("customer_id {} has no start", customer.id));
    }
    check_end(model, customer, subscription, aggregates, violations);
    subscription
}

/// Checks the days of the cancel and of the end, and counts them.
fn check_end(
    model: &DerivedModel,
    customer: &Customer,
    subscription: Subscription,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) {
    let Subscription { cancel, end } = subscription;
    let describe = || {
        let day = |day: Option<i32>| day.map_or("none".to_string(), |day| model.date(day));
        format!("customer_id {}: cancel {}, end {}", customer.id, day(cancel), day(end))
    };
    let end = end.filter(|&end| model.is_since(customer.signup, end));
    let Some(last_day) = end else {
        if cancel.is_some() {
            violations.record(TABLE, rules::CANCEL, describe);
        }
        count_end(model, customer, None, aggregates);
        return;
    };
    let cycle = model.cycle_of(customer.signup, last_day);
    let (first, next) = (customer.cycle_start(model, cycle), customer.cycle_start(model, cycle + 1));
    let period = model.period(customer.terms.is_annual);
    match cancel {
        Some(cancel) => {
            let is_possible = last_day + 1 == next && (cycle + 1).is_multiple_of(period);
            if !is_possible {
                violations.record(TABLE, rules::END, describe);
            }
            if !(first..=last_day).contains(&cancel) {
                violations.record(TABLE, rules::CANCEL, describe);
            } else if is_possible {
                aggregates.cancel_days.add((next - first - 28) as usize, (cancel - first) as usize, 1);
            }
            count_end(model, customer, Some((cycle, BY_DECISION)), aggregates);
        }
        None => {
            if last_day != first + model.grace() || cycle == 0 || !cycle.is_multiple_of(period) {
                violations.record(TABLE, rules::END, describe);
            }
            count_end(model, customer, Some((cycle, UNPAID)), aggregates);
        }
    }
}

fn count_end(model: &DerivedModel, customer: &Customer, end: Option<(usize, usize)>, aggregates: &mut Aggregates) {
    if !customer.terms.is_free() {
        let horizon = model.horizons[customer.signup as usize];
        aggregates.ends.add(customer.terms.plan_term(), horizon, end);
    }
}
