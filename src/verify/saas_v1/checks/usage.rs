//! Checks of `usage_daily` and `usage_truth`, one customer after another.

use super::aggregates::Aggregates;
use super::profiles::Profiles;
use super::usage_aggregates::UsageAggregates;
use crate::models::saas_v1;
use crate::verify::reading::Rows;
use crate::verify::rules::Rule;
use crate::verify::saas_v1::derived_model::DerivedModel;
use crate::verify::saas_v1::rules;
use crate::verify::violations::Violations;
use std::ops::Range;

/// Counts the rows of a usage table and records violations.
pub fn check(
    model: &DerivedModel,
    profiles: &Profiles,
    table: &Rows,
    rows: Range<usize>,
    aggregates: &mut UsageAggregates,
    violations: &mut Violations,
) {
    let name = table.table();
    let (dates, sessions) = (table.dates(1), table.int32(2));
    let (minutes, events) = (table.int32(3), table.int32(4));
    aggregates.rows += rows.len() as u64;
    profiles.for_each_customer(model, table, rows, violations, |_, profile, customer_rows, violations| {
        let plan = &model.plans[profile.plan];
        let signup = model.window.first + profile.signup as i32;
        let cohort = model.months[profile.signup];
        let (mut before, mut sessions_before, mut counted) = (i32::MIN, None, 0);
        for row in customer_rows {
            let mut record = |rule| violations.record(name, rule, || table.describe(row, &model.source));
            if dates[row] == before {
                record(Rule::UniqueKeys);
            }
            before = dates[row];
            if sessions[row] < 0 || events[row] < 0 {
                record(rules::COUNTS);
            }
            if sessions[row] == 0 && events[row] > 0 {
                record(rules::EVENTS_NEED_SESSIONS);
            }
            if !(plan.minutes_limits.0..=plan.minutes_limits.1).contains(&minutes[row]) {
                record(rules::MINUTES_LIMITS);
            }
            let values = [sessions[row], minutes[row], events[row]];
            sessions_before = Some(aggregates.add_values(profile.plan, values, sessions_before));
            if !(signup..=model.window.last()).contains(&dates[row]) {
                record(rules::DATES);
                continue;
            }
            let age = (dates[row] - signup) as usize;
            aggregates.by_age.add(profile.plan, age, 1);
            aggregates.by_day.add(profile.plan, profile.signup + age, 1);
            aggregates.by_cohort.add(cohort, age, 1);
            let month = model.months[profile.signup + age];
            aggregates.sessions_by_month.add(profile.plan, month, sessions[row].max(0) as u64);
            aggregates.minutes_by_month.add(profile.plan, month, minutes[row].max(0) as u64);
            counted += 1;
        }
        if let Some(region) = profile.region {
            aggregates.by_region.add(0, region, counted);
        }
        aggregates.customer_rows.add(profile.plan, profile.signup, counted);
        aggregates.customer_squares.add(profile.plan, profile.signup, counted * counted);
    });
}

/// Counts the active days of customers, logged or lost, in regenerated rows of `usage_truth`.
pub fn count_truth(model: &DerivedModel, profiles: &Profiles, truth: &Rows, aggregates: &mut Aggregates) {
    for (id, date) in truth.int64(0).iter().zip(truth.dates(1)) {
        let day = date - model.window.first;
        if let Some(profile) = profiles.get(*id).filter(|_| (0..model.days() as i32).contains(&day)) {
            aggregates.usage_truth.by_day.add(profile.plan, day as usize, 1);
        }
    }
}

/// Records the differences between `usage_daily` and the logged rows of `usage_truth`. Both are sorted.
pub fn check_logged(
    model: &DerivedModel,
    daily: &Rows,
    daily_rows: Range<usize>,
    truth: &Rows,
    truth_rows: Range<usize>,
    violations: &mut Violations,
) {
    let model = &model.source;
    let mut record = |text: String| violations.record(saas_v1::USAGE_DAILY, rules::LOGGED_TRUTH, || text);
    let mut logged = truth_rows.filter(|&row| truth.booleans(5)[row]).peekable();
    for row in daily_rows {
        while let Some(missing) = logged.next_if(|&other| truth.key(other) < daily.key(row)) {
            record(format!("logged in usage_truth, but missing here: {}", truth.describe(missing, model)));
        }
        match logged.next_if(|&other| truth.key(other) == daily.key(row)) {
            None => record(format!("not logged in usage_truth: {}", daily.describe(row, model))),
            Some(other) if [2, 3, 4].iter().any(|&column| daily.int32(column)[row] != truth.int32(column)[other]) => {
                record(format!("{}; in usage_truth {}", daily.describe(row, model), truth.describe(other, model)));
            }
            Some(_) => {}
        }
    }
    for missing in logged {
        record(format!("logged in usage_truth, but missing here: {}", truth.describe(missing, model)));
    }
}
