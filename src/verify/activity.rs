//! The checks of `usage_daily` and `usage_truth`, customer by customer.

use super::customers::Profiles;
use super::facts::Facts;
use super::findings::{Findings, Rule};
use super::rows::Rows;
use super::tally::{Tally, UsageTally};
use crate::tables::Table;
use std::ops::Range;

/// What of the truth must be generated to know which logs were lost: customer and date.
pub(super) const TRUTH_COLUMNS: [usize; 2] = [0, 1];

/// Counts the rows of a usage table, and notes what is wrong with them.
pub(super) fn check(
    facts: &Facts,
    profiles: &Profiles,
    table: &Rows,
    rows: Range<usize>,
    tally: &mut UsageTally,
    findings: &mut Findings,
) {
    let name = table.table();
    let (dates, sessions) = (table.dates(1), table.int32(2));
    let (minutes, events) = (table.int32(3), table.int32(4));
    tally.rows += rows.len() as u64;
    profiles.each(facts, table, rows, findings, |_, profile, run, findings| {
        let plan = &facts.plans[profile.plan];
        let signup = facts.window.first + profile.signup as i32;
        let cohort = facts.months[profile.signup];
        let (mut before, mut sessions_before, mut kept) = (i32::MIN, None, 0);
        for row in run {
            let mut note = |rule| findings.note(name, rule, || table.describe(row, facts.model.parameters()));
            if dates[row] == before {
                note(Rule::UniqueKeys);
            }
            before = dates[row];
            if sessions[row] < 0 || events[row] < 0 {
                note(Rule::Counts);
            }
            if sessions[row] == 0 && events[row] > 0 {
                note(Rule::EventsNeedSessions);
            }
            if !(plan.minutes_limits.0..=plan.minutes_limits.1).contains(&minutes[row]) {
                note(Rule::MinutesLimits);
            }
            let values = [sessions[row], minutes[row], events[row]];
            sessions_before = Some(tally.add_values(profile.plan, values, sessions_before));
            if !(signup..=facts.window.last()).contains(&dates[row]) {
                note(Rule::Dates);
                continue;
            }
            let age = (dates[row] - signup) as usize;
            tally.by_age.add(profile.plan, age, 1);
            tally.by_day.add(profile.plan, profile.signup + age, 1);
            tally.by_cohort.add(cohort, age, 1);
            let month = facts.months[profile.signup + age];
            tally.sessions_by_month.add(profile.plan, month, sessions[row].max(0) as u64);
            tally.minutes_by_month.add(profile.plan, month, minutes[row].max(0) as u64);
            kept += 1;
        }
        if let Some(region) = profile.region {
            tally.by_region.add(0, region, kept);
        }
        tally.customer_rows.add(profile.plan, profile.signup, kept);
        tally.customer_squares.add(profile.plan, profile.signup, kept * kept);
    });
}

/// Counts the days on which customers were active, logged or not, where no table tells.
pub(super) fn count_truth(facts: &Facts, profiles: &Profiles, truth: &Rows, tally: &mut Tally) {
    for (id, date) in truth.int64(0).iter().zip(truth.dates(1)) {
        let day = date - facts.window.first;
        if let Some(profile) = profiles.get(*id).filter(|_| (0..facts.days() as i32).contains(&day)) {
            tally.usage_truth.by_day.add(profile.plan, day as usize, 1);
        }
    }
}

/// Notes where `usage_daily` is not exactly the logged rows of `usage_truth`. Both are sorted.
pub(super) fn check_logged(
    facts: &Facts,
    daily: &Rows,
    daily_rows: Range<usize>,
    truth: &Rows,
    truth_rows: Range<usize>,
    findings: &mut Findings,
) {
    let parameters = facts.model.parameters();
    let mut note = |text: String| findings.note(Table::UsageDaily, Rule::LoggedTruth, || text);
    let mut logged = truth_rows.filter(|&row| truth.booleans(5)[row]).peekable();
    for row in daily_rows {
        while let Some(lacking) = logged.next_if(|&other| truth.key(other) < daily.key(row)) {
            note(format!("logged in usage_truth, but not here: {}", truth.describe(lacking, parameters)));
        }
        match logged.next_if(|&other| truth.key(other) == daily.key(row)) {
            None => note(format!("not logged in usage_truth: {}", daily.describe(row, parameters))),
            Some(other) if [2, 3, 4].iter().any(|&column| daily.int32(column)[row] != truth.int32(column)[other]) => {
                note(format!(
                    "{}; in usage_truth {}",
                    daily.describe(row, parameters),
                    truth.describe(other, parameters)
                ));
            }
            Some(_) => {}
        }
    }
    for lacking in logged {
        note(format!("logged in usage_truth, but not here: {}", truth.describe(lacking, parameters)));
    }
}
