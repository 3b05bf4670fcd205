//! Checks of `cycles_truth`: each row against the model, and the rows against other tables.

use super::billing::{self, Invoice};
use super::customer::{Customer, CustomerRows};
use super::cycle_rows::{
    ATTEMPT_FAILED, ATTEMPT_LATE, ATTEMPT_OK, CycleRow, LEAVES, MOST_TICKETS, NO_ATTEMPT, NO_REASON, OPEN, PAYMENT,
    STAYS, UNPAID,
};
use super::cycles_counted::count;
use super::hazards::{FrailtyClasses, is_close};
use super::subscriptions::Subscription;
use crate::models::Table;
use crate::models::saas_v2::{CYCLES_TRUTH, Hazards, PlanTerm};
use crate::verify::rules::Rule;
use crate::verify::saas_v2::aggregates::Aggregates;

use crate::verify::saas_v2::derived_model::DerivedModel;
use crate::verify::saas_v2::rules;
use crate::verify::saas_v2::terms::Terms;
use crate::verify::violations::Violations;

const TABLE: Table = CYCLES_TRUTH;

/// Counts the cycles of a customer and records violations. `frailty` are the classes that `customer_truth` allows. Returns
/// no cycles if a name in them is unknown.
pub fn check(
    model: &DerivedModel,
    customer: &Customer,
    part: &CustomerRows<'_>,
    frailty: Option<FrailtyClasses>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) -> Vec<CycleRow> {
    let Some(mut cycles) = CycleRow::read_all(model, part) else { return Vec::new() };
    // A second row of a cycle is a violation of its own, and no other check sees it.
    let mut before = None;
    cycles.retain(|cycle| {
        let is_second = before.replace(cycle.cycle) == Some(cycle.cycle);
        if is_second {
            violations.record(TABLE, Rule::UniqueKeys, || part.table.describe(cycle.row, &model.source));
        }
        !is_second
    });
    let mut classes = frailty.unwrap_or(FrailtyClasses::ALL);
    for (number, cycle) in cycles.iter().enumerate() {
        let mut record = |rule| violations.record(TABLE, rule, || part.table.describe(cycle.row, &model.source));
        check_place(model, customer, part, number, cycle, &mut record);
        check_billing(model, customer, cycle, &mut record);
        check_decision(model, customer, cycle, &mut record);
        let tickets = part.table.int32(10)[cycle.row];
        if !(0..=MOST_TICKETS as i32).contains(&tickets) {
            record(rules::TICKET_COUNT);
        }
        if cycle.is_decided {
            match classes.narrowed(model, customer, cycle) {
                Some(narrowed) => classes = narrowed,
                None => record(rules::HAZARDS),
            }
        }
    }
    check_last(model, customer, &cycles, violations);
    count(model, customer, &cycles, classes, aggregates);
    cycles
}

/// Checks the number and the days of a cycle, and the terms.
fn check_place(
    model: &DerivedModel,
    customer: &Customer,
    part: &CustomerRows<'_>,
    number: usize,
    cycle: &CycleRow,
    record: &mut impl FnMut(Rule),
) {
    let table = part.table;
    let stated = table.int32(1)[cycle.row];
    if i64::from(stated) != number as i64 {
        record(rules::CYCLES);
    }
    if table.int32(2)[cycle.row] != 0 || table.int32(3)[cycle.row] != stated {
        record(rules::SPELL);
    }
    let first = customer.cycle_start(model, cycle.cycle);
    if cycle.first != first || first >= model.days() {
        record(rules::FIRST_DAY);
    }
    let next = customer.cycle_start(model, cycle.cycle.saturating_add(1));
    let unpaid_end = first.saturating_add(model.grace());
    let end = if cycle.outcome == UNPAID { unpaid_end } else { next.min(model.days()) - 1 };
    if cycle.last != end {
        record(rules::LAST_DAY);
    }
    if Terms::read(table, [6, 7, 8], cycle.row) != Some(customer.terms) {
        record(rules::TERMS);
    }
}

/// Checks the payment attempt of a cycle.
fn check_billing(model: &DerivedModel, customer: &Customer, cycle: &CycleRow, record: &mut impl FnMut(Rule)) {
    let of = PlanTerm { plan: customer.terms.plan, is_annual: customer.terms.is_annual };
    let is_possible = match cycle.attempt {
        NO_ATTEMPT => !of.is_payment_due(cycle.cycle),
        ATTEMPT_OK => of.is_payment_due(cycle.cycle),
        _ => cycle.is_at_risk(of),
    };
    if !is_possible {
        record(rules::ATTEMPT);
    }
    let failure = model.laws.plans[usize::from(of.plan)].payment_failure[usize::from(of.is_annual)];
    let chance = failure[usize::from(cycle.has_failed_before)].probability;
    let expected = if cycle.is_at_risk(of) { chance } else { 0.0 };
    if !is_close(cycle.p_fail, expected) {
        record(rules::P_FAIL);
    }
}

/// Checks whether a decision fell, its probability, and what it led to.
fn check_decision(model: &DerivedModel, customer: &Customer, cycle: &CycleRow, record: &mut impl FnMut(Rule)) {
    let first = customer.cycle_start(model, cycle.cycle);
    let is_whole = customer.cycle_start(model, cycle.cycle.saturating_add(1)) <= model.days();
    let of = PlanTerm { plan: customer.terms.plan, is_annual: customer.terms.is_annual };
    let has_failed = cycle.attempt == ATTEMPT_FAILED;
    let is_due = is_whole && of.is_renewal_due(cycle.cycle) && !has_failed;
    if cycle.is_decided != is_due || !cycle.is_decided && cycle.hazards != Hazards::default() {
        record(rules::DECIDED);
    }
    let expected = if cycle.is_decided { cycle.hazards.chance_to_leave() } else { 0.0 };
    if !is_close(cycle.p_end, expected) {
        record(rules::P_END);
    }
    let is_unpaid = has_failed && first.saturating_add(model.grace()) < model.days();
    let is_possible = match cycle.outcome {
        UNPAID => is_unpaid,
        LEAVES => cycle.is_decided && !is_unpaid,
        STAYS => is_whole && !has_failed,
        OPEN => !is_whole && !is_unpaid,
        _ => true,
    };
    if !is_possible {
        record(rules::OUTCOME);
    }
    let has_reason = match cycle.outcome {
        UNPAID => cycle.reason == PAYMENT,
        LEAVES => {
            let hazard =
                usize::from(cycle.reason).checked_sub(1).and_then(|at| cycle.hazards_by_reason().get(at).copied());
            hazard.is_some_and(|hazard| hazard > 0.0)
        }
        _ => cycle.reason == NO_REASON,
    };
    if !has_reason {
        record(rules::REASON);
    }
}

/// Checks that cycles go on to the end of the window or of service, and that none follows an end.
fn check_last(model: &DerivedModel, customer: &Customer, cycles: &[CycleRow], violations: &mut Violations) {
    let last = cycles.last();
    let goes_on = last.is_none_or(|last| last.outcome == STAYS);
    let next = customer.cycle_start(model, last.map_or(0, |last| last.cycle.saturating_add(1)));
    let ended = cycles.iter().rev().skip(1).any(|cycle| cycle.outcome != STAYS);
    if goes_on && next < model.days() || ended {
        violations.record(TABLE, rules::CYCLES, || {
            let last = last.map_or("none".to_string(), |last| last.cycle.to_string());
            format!("customer_id {}: the last cycle is {last}, but the customer's end is not there", customer.id)
        });
    }
}

/// Checks that the cycles end as the subscription does.
pub fn check_ends(
    model: &DerivedModel,
    customer: &Customer,
    cycles: &[CycleRow],
    subscription: &Subscription,
    violations: &mut Violations,
) {
    let Some(last) = cycles.last().filter(|_| !customer.terms.is_free()) else { return };
    let end = matches!(last.outcome, LEAVES | UNPAID).then_some(last.last);
    let is_cancelled = subscription.cancel.is_some_and(|cancel| (last.first..=last.last).contains(&cancel));
    let has_no_cancel = subscription.cancel.is_none();
    let fits = if last.outcome == LEAVES { is_cancelled } else { has_no_cancel };
    if subscription.end != end || !fits {
        violations.record(TABLE, rules::ENDS, || {
            let day = |day: Option<i32>| day.map_or("none".to_string(), |day| model.date(day));
            let (end, cancel, own) = (day(subscription.end), day(subscription.cancel), day(end));
            format!("customer_id {}: end {own} here, but in subscriptions cancel {cancel}, end {end}", customer.id)
        });
    }
}

/// Checks that each attempt has an invoice with its status, and that there are no other invoices.
pub fn check_invoices(
    model: &DerivedModel,
    customer: &Customer,
    cycles: &[CycleRow],
    invoices: &[Invoice],
    violations: &mut Violations,
) {
    let mut record = |text: String| {
        violations.record(TABLE, rules::INVOICES, || format!("customer_id {}: {text}", customer.id));
    };
    let attempts = cycles.iter().filter(|cycle| cycle.attempt != NO_ATTEMPT);
    let mut invoices = invoices.iter().peekable();
    for cycle in attempts {
        while let Some(other) = invoices.next_if(|invoice| invoice.billed < cycle.first) {
            record(format!("the invoice of {} has no attempt", model.date(other.billed)));
        }
        let Some(invoice) = invoices.next_if(|invoice| invoice.billed == cycle.first) else {
            record(format!("the attempt of {} has no invoice", model.date(cycle.first)));
            continue;
        };
        let fits = match cycle.attempt {
            ATTEMPT_OK => invoice.status == billing::PAID,
            ATTEMPT_LATE => invoice.status == billing::LATE || invoice.status == billing::OPEN,
            _ => invoice.status == billing::FAILED || invoice.status == billing::OPEN,
        };
        if !fits {
            record(format!("the invoice of {} has another status", model.date(cycle.first)));
        }
    }
    for other in invoices {
        record(format!("the invoice of {} has no attempt", model.date(other.billed)));
    }
}
