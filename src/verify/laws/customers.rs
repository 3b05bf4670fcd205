//! Who signed up, when, on which plan, where.

use super::{by_month, values};
use crate::verify::facts::Facts;
use crate::verify::statistics::{Outcome, independence, shares, shares_of_rows};
use crate::verify::tally::Tally;

pub(super) fn laws(facts: &Facts, tally: &Tally, law: &mut impl FnMut(String, Outcome)) {
    let by_plan: Vec<u64> = tally.signups.rows().map(|row| row.iter().sum()).collect();
    let plan_shares: Vec<f64> = facts.plans.iter().map(|plan| plan.share).collect();
    law("plan mix".into(), shares(&by_plan, &plan_shares));
    law("region mix".into(), shares(&tally.regions.column_sums(), &values(&facts.model.parameters().regions)));
    law("plan and region independent".into(), independence(tally.regions.rows()));
    let by_day = tally.signups.column_sums();
    let days = by_day.len();
    law("signup dates uniform".into(), shares(&by_day, &vec![1.0 / days as f64; days]));
    let mut by_weekday = [0; 7];
    let mut weekday_shares = [0.0; 7];
    for (day, count) in by_day.into_iter().enumerate() {
        by_weekday[day % 7] += count;
        weekday_shares[day % 7] += 1.0 / days as f64;
    }
    law("signups flat over weekdays".into(), shares(&by_weekday, &weekday_shares));
    let months: Vec<Vec<u64>> = tally.signups.rows().map(|row| by_month(facts, row)).collect();
    law("plan and signup month independent".into(), independence(months.iter().map(Vec::as_slice)));
    let months: Vec<Vec<u64>> = tally.regions_by_day.rows().map(|row| by_month(facts, row)).collect();
    law("region and signup month independent".into(), independence(months.iter().map(Vec::as_slice)));
    let regions = values(&facts.model.parameters().regions);
    law("plans independent one to the next".into(), shares_of_rows(tally.plan_pairs.rows(), &plan_shares));
    law("regions independent one to the next".into(), shares_of_rows(tally.region_pairs.rows(), &regions));
    law("signups independent one to the next".into(), independence(tally.signup_pairs.rows()));
}
