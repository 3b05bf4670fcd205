//! Checks of `customers`.

use super::customer::Customer;
use crate::models::saas_v2::CUSTOMERS;
use crate::verify::reading::{Rows, UNKNOWN};
use crate::verify::rules::Rule;
use crate::verify::saas_v2::aggregates::Aggregates;
use crate::verify::saas_v2::derived_model::{DerivedModel, FREE};
use crate::verify::saas_v2::rules;
use crate::verify::violations::Violations;
use std::ops::Range;

/// A customer of the chunk.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    Usable(Customer),
    /// The customer has an impossible date, plan or term. This is already a violation.
    Unusable,
    Missing,
}

/// Counts the customers and records violations. Returns the customers in `ids`, in order.
pub fn check(
    model: &DerivedModel,
    ids: &Range<i64>,
    table: &Rows,
    rows: Range<usize>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) -> Vec<Known> {
    let mut known = Vec::with_capacity((ids.end - ids.start) as usize);
    let mut before = None;
    let next = |known: &[Known]| ids.start + known.len() as i64;
    aggregates.add_rows(CUSTOMERS, rows.len());
    for row in rows {
        let id = table.int64(0)[row];
        let mut record = |rule| violations.record(CUSTOMERS, rule, || table.describe(row, &model.source));
        if id < next(&known) {
            record(Rule::UniqueKeys);
            continue;
        }
        if !(0..model.days()).contains(&model.day(table.dates(1)[row])) {
            record(rules::DATES);
        }
        let (plan, term, seats) = (table.text(2)[row], table.text(5)[row], table.int32(6)[row]);
        if plan == FREE && (term != 0 || seats != 1) {
            record(rules::FREE_TERMS);
        }
        let rung = model.laws.ladder.iter().position(|&own| own == seats);
        let is_possible = |rung: &usize| plan == UNKNOWN || plan == FREE || rungs(model, plan).contains(rung);
        if plan != FREE && rung.filter(is_possible).is_none() {
            record(rules::SEATS);
        }
        add_missing(next(&known)..id, &mut known, violations);
        known.push(match Customer::read(model, table, row) {
            Some(customer) => {
                count(before.replace(customer), customer, rung, aggregates);
                Known::Usable(customer)
            }
            None => Known::Unusable,
        });
    }
    add_missing(next(&known)..ids.end, &mut known, violations);
    known
}

fn add_missing(ids: Range<i64>, known: &mut Vec<Known>, violations: &mut Violations) {
    for id in ids {
        violations.record(CUSTOMERS, Rule::Ids, || format!("customer_id {id} is missing"));
        known.push(Known::Missing);
    }
}

/// Returns the range of the rungs that customers of a plan with a price can have.
fn rungs(model: &DerivedModel, plan: u8) -> std::ops::RangeInclusive<usize> {
    let own = model.laws.plans[usize::from(plan)].rung;
    let steps = &model.laws.rungs_of_intensity;
    let noise = model.parameters().seats.noise;
    let least = steps.iter().min().unwrap_or(&0) - i32::from(noise.fewer > 0.0);
    let most = steps.iter().max().unwrap_or(&0) + i32::from(noise.more > 0.0);
    let within = |rung: i32| rung.clamp(0, model.laws.ladder.len() as i32 - 1) as usize;
    within(own + least)..=within(own + most)
}

fn count(before: Option<Customer>, now: Customer, rung: Option<usize>, aggregates: &mut Aggregates) {
    let plan = usize::from(now.terms.plan);
    aggregates.signups.add(now.terms.plan_term(), now.signup as usize, 1);
    if let Some(before) = before {
        aggregates.plan_pairs.add(usize::from(before.terms.plan), plan, 1);
    }
    if let Some(region) = now.region {
        aggregates.regions.add(plan, region, 1);
    }
    if let Some(channel) = now.channel {
        aggregates.channels.add(plan, usize::from(channel), 1);
    }
    if let Some(rung) = rung {
        aggregates.rungs.add(plan, rung, 1);
    }
}
