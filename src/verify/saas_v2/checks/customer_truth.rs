//! Checks of `customer_truth`.

use super::customer::{Customer, CustomerRows};
use super::cycle_rows::{CycleRow, NO_REASON, PAYMENT};
use super::hazards::{FrailtyClasses, is_close};
use super::subscriptions::Subscription;
use crate::models::Table;
use crate::models::saas_v2::CUSTOMER_TRUTH;
use crate::verify::rules::Rule;
use crate::verify::saas_v2::aggregates::Aggregates;
use crate::verify::saas_v2::derived_model::{CLASSES, DerivedModel};
use crate::verify::saas_v2::rules;
use crate::verify::violations::Violations;

const TABLE: Table = CUSTOMER_TRUTH;

/// What `customer_truth` says of a customer.
#[derive(Debug, Clone, Copy)]
pub struct Traits {
    pub frailty: FrailtyClasses,
    intensity: Option<usize>,
    /// The last day of service, or the day after the window, counted from the window's first day. `None` if the row is
    /// missing.
    ended: Option<i32>,
    reason: u8,
}

impl Traits {
    /// Returns the class of intensity, if the values are those of one.
    pub fn intensity_class(&self) -> Option<usize> {
        self.intensity
    }
}

/// Counts the row of a customer and records violations.
pub fn check(
    model: &DerivedModel,
    customer: &Customer,
    part: &CustomerRows<'_>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) -> Traits {
    let table = part.table;
    let mut rows = part.rows();
    let Some(row) = rows.next() else {
        violations.record(TABLE, rules::EVERY_CUSTOMER, || format!("customer_id {} has no row", customer.id));
        return Traits { frailty: FrailtyClasses::ALL, intensity: None, ended: None, reason: NO_REASON };
    };
    for second in rows {
        violations.record(TABLE, Rule::UniqueKeys, || table.describe(second, &model.source));
    }
    let mut record = |rule| violations.record(TABLE, rule, || table.describe(row, &model.source));
    let float = |column: usize| table.floats(column)[row];
    let frailty = FrailtyClasses::with(model, float(1));
    let classes: Vec<usize> = (0..CLASSES)
        .filter(|&class| {
            let activity = model.parameters().intensity.activity[class];
            is_close(float(2), model.laws.intensity[class]) && is_close(float(3), activity)
        })
        .collect();
    if frailty.first().is_none() || classes.is_empty() {
        record(rules::TRAITS);
    } else if !customer.terms.is_free() && !classes.iter().any(|&class| fits_seats(model, customer, class)) {
        record(rules::SEATS_OF_CLASS);
    }
    let (ended, reason) = (model.day(table.dates(4)[row]), table.text(5)[row]);
    let is_there = ended == model.days();
    if !is_there && !model.is_since(customer.signup, ended)
        || is_there != (reason == NO_REASON)
        || reason == PAYMENT && customer.terms.is_free()
    {
        record(rules::ENDED);
    }
    if table.int32(6)[row] != 1 {
        record(rules::SPELLS);
    }
    let plan = usize::from(customer.terms.plan);
    if let Some(class) = frailty.first() {
        aggregates.truth.frailty.add(plan, class, 1);
    }
    let intensity = classes.first().copied();
    if let Some(class) = intensity {
        aggregates.truth.intensity.add(plan, class, 1);
    }
    let frailty = if frailty.first().is_some() { frailty } else { FrailtyClasses::ALL };
    Traits { frailty, intensity, ended: Some(ended), reason }
}

/// Returns whether customers of this class of intensity can have the customer's seats.
fn fits_seats(model: &DerivedModel, customer: &Customer, class: usize) -> bool {
    let laws = &model.laws;
    let own = laws.plans[usize::from(customer.terms.plan)].rung + laws.rungs_of_intensity[class];
    let noise = model.parameters().seats.noise.values();
    (-1..).zip(noise).any(|(step, &share)| {
        let rung = (own + step).clamp(0, laws.ladder.len() as i32 - 1);
        share > 0.0 && laws.ladder[rung as usize] == customer.terms.seats
    })
}

/// Checks that the end is that of the last cycle.
pub fn check_cycles(
    model: &DerivedModel,
    customer: &Customer,
    traits: &Traits,
    cycles: &[CycleRow],
    violations: &mut Violations,
) {
    let (Some(ended), Some(last)) = (traits.ended, cycles.last()) else { return };
    let expected = if last.reason == NO_REASON { model.days() } else { last.last };
    if ended != expected || traits.reason != last.reason {
        violations.record(TABLE, rules::ENDED_CYCLES, || {
            let (own, expected) = (model.date(ended), model.date(expected));
            format!("customer_id {}: ended {own}, but by cycles_truth {expected}, or the reasons differ", customer.id)
        });
    }
}

/// Checks that the end is that of the subscription. Customers on Free leave without an event.
pub fn check_subscription(
    model: &DerivedModel,
    customer: &Customer,
    traits: &Traits,
    subscription: &Subscription,
    violations: &mut Violations,
) {
    let Some(ended) = traits.ended.filter(|_| !customer.terms.is_free()) else { return };
    let expected = subscription.end.unwrap_or(model.days());
    if ended != expected || subscription.is_unpaid() != (traits.reason == PAYMENT) {
        violations.record(TABLE, rules::ENDED_SUBSCRIPTION, || {
            let (own, expected) = (model.date(ended), model.date(expected));
            format!("customer_id {}: ended {own}, but by subscriptions {expected}, or the reasons differ", customer.id)
        });
    }
}
