//! Checks of `support`, one customer after another.

use super::aggregates::{Aggregates, MOST_TICKETS, TENURE_PARTS};
use super::profiles::{Profile, Profiles};
use crate::models::{Table, saas_v1};
use crate::verify::reading::{Rows, UNKNOWN};
use crate::verify::rules::Rule;
use crate::verify::saas_v1::derived_model::DerivedModel;
use crate::verify::saas_v1::rules;
use crate::verify::violations::Violations;
use std::ops::Range;

const TABLE: Table = saas_v1::SUPPORT;

/// Counts the support tickets and records violations.
pub fn check(
    model: &DerivedModel,
    profiles: &Profiles,
    table: &Rows,
    rows: Range<usize>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) {
    aggregates.tickets += rows.len() as u64;
    profiles.for_each_customer(model, table, rows, violations, |customer, profile, customer_rows, violations| {
        aggregates.tickets_by_signup.add(0, profile.signup, customer_rows.len() as u64);
        aggregates.tickets_by_plan.add(0, profile.plan, customer_rows.len() as u64);
        if let Some(region) = profile.region {
            aggregates.tickets_by_region.add(0, region, customer_rows.len() as u64);
        }
        aggregates.ticket_counts.add(0, customer_rows.len().min(MOST_TICKETS + 1), 1);
        check_customer(model, table, customer, profile, customer_rows, aggregates, violations);
    });
}

fn check_customer(
    model: &DerivedModel,
    table: &Rows,
    customer: i64,
    profile: Profile,
    customer_rows: Range<usize>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) {
    let signup = model.window.first + profile.signup as i32;
    let tenure = model.days() - profile.signup;
    let mut before = None;
    for row in customer_rows {
        let (id, date) = (table.int64(0)[row], table.dates(2)[row]);
        let mut record = |rule| violations.record(TABLE, rule, || table.describe(row, &model.source));
        if before == Some(id) {
            record(Rule::UniqueKeys);
            continue;
        }
        if id != before.unwrap_or(customer * 1_000).saturating_add(1) {
            record(rules::NUMBERS);
        }
        before = Some(id);
        if (signup..=model.window.last()).contains(&date) {
            let age = (date - signup) as usize;
            aggregates.ticket_parts.add(0, age * TENURE_PARTS / tenure, 1);
            aggregates.tickets_by_day.add(0, profile.signup + age, 1);
        } else {
            record(rules::DATES);
        }
        let (category, priority) = (table.text(3)[row], table.text(4)[row]);
        if category != UNKNOWN && priority != UNKNOWN {
            aggregates.topics.add(usize::from(category), usize::from(priority), 1);
            aggregates.categories_by_plan.add(profile.plan, usize::from(category), 1);
            aggregates.priorities_by_plan.add(profile.plan, usize::from(priority), 1);
        }
    }
}
