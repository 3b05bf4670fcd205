//! The checks of `support`, customer by customer.

use super::customers::{Profile, Profiles};
use super::facts::Facts;
use super::findings::{Findings, Rule};
use super::rows::{Rows, UNKNOWN};
use super::tally::{MOST_TICKETS, TENURE_PARTS, Tally};
use crate::tables::Table;
use std::ops::Range;

const TABLE: Table = Table::Support;

/// Counts the tickets, and notes what is wrong with them.
pub(super) fn check(
    facts: &Facts,
    profiles: &Profiles,
    table: &Rows,
    rows: Range<usize>,
    tally: &mut Tally,
    findings: &mut Findings,
) {
    tally.tickets += rows.len() as u64;
    profiles.each(facts, table, rows, findings, |customer, profile, run, findings| {
        tally.tickets_by_signup.add(0, profile.signup, run.len() as u64);
        tally.tickets_by_plan.add(0, profile.plan, run.len() as u64);
        if let Some(region) = profile.region {
            tally.tickets_by_region.add(0, region, run.len() as u64);
        }
        tally.ticket_counts.add(0, run.len().min(MOST_TICKETS + 1), 1);
        check_customer(facts, table, customer, profile, run, tally, findings);
    });
}

fn check_customer(
    facts: &Facts,
    table: &Rows,
    customer: i64,
    profile: Profile,
    run: Range<usize>,
    tally: &mut Tally,
    findings: &mut Findings,
) {
    let signup = facts.window.first + profile.signup as i32;
    let tenure = facts.days() - profile.signup;
    let mut before = None;
    for row in run {
        let (id, date) = (table.int64(0)[row], table.dates(2)[row]);
        let mut note = |rule| findings.note(TABLE, rule, || table.describe(row, facts.model.parameters()));
        if before == Some(id) {
            note(Rule::UniqueKeys);
            continue;
        }
        if id != before.unwrap_or(customer * 1_000).saturating_add(1) {
            note(Rule::Numbers);
        }
        before = Some(id);
        if (signup..=facts.window.last()).contains(&date) {
            let age = (date - signup) as usize;
            tally.ticket_parts.add(0, age * TENURE_PARTS / tenure, 1);
            tally.tickets_by_day.add(0, profile.signup + age, 1);
        } else {
            note(Rule::Dates);
        }
        let (category, priority) = (table.text(3)[row], table.text(4)[row]);
        if category != UNKNOWN && priority != UNKNOWN {
            tally.topics.add(usize::from(category), usize::from(priority), 1);
            tally.categories_by_plan.add(profile.plan, usize::from(category), 1);
            tally.priorities_by_plan.add(profile.plan, usize::from(priority), 1);
        }
    }
}
