//! Tests of `customers`: signup dates, plans and regions.

use crate::verify::saas_v1::checks::Aggregates;
use crate::verify::saas_v1::derived_model::{DerivedModel, share_values};
use crate::verify::statistics::{Outcome, independence, shares, shares_of_rows};

pub fn test(model: &DerivedModel, aggregates: &Aggregates, add: &mut impl FnMut(String, Outcome)) {
    let by_plan: Vec<u64> = aggregates.signups.rows().map(|row| row.iter().sum()).collect();
    let plan_shares: Vec<f64> = model.plans.iter().map(|plan| plan.share).collect();
    add("plan mix".into(), shares(&by_plan, &plan_shares));
    add("region mix".into(), shares(&aggregates.regions.column_sums(), &share_values(&model.parameters.regions)));
    add("plan and region independent".into(), independence(aggregates.regions.rows()));
    let by_day = aggregates.signups.column_sums();
    let days = by_day.len();
    add("signup dates uniform".into(), shares(&by_day, &vec![1.0 / days as f64; days]));
    let mut by_weekday = [0; 7];
    let mut weekday_shares = [0.0; 7];
    for (day, count) in by_day.into_iter().enumerate() {
        by_weekday[day % 7] += count;
        weekday_shares[day % 7] += 1.0 / days as f64;
    }
    add("signups flat over weekdays".into(), shares(&by_weekday, &weekday_shares));
    let months: Vec<Vec<u64>> = aggregates.signups.rows().map(|row| model.by_month(row)).collect();
    add("plan and signup month independent".into(), independence(months.iter().map(Vec::as_slice)));
    let months: Vec<Vec<u64>> = aggregates.regions_by_day.rows().map(|row| model.by_month(row)).collect();
    add("region and signup month independent".into(), independence(months.iter().map(Vec::as_slice)));
    let regions = share_values(&model.parameters.regions);
    add("plans independent one to the next".into(), shares_of_rows(aggregates.plan_pairs.rows(), &plan_shares));
    add("regions independent one to the next".into(), shares_of_rows(aggregates.region_pairs.rows(), &regions));
    add("signups independent one to the next".into(), independence(aggregates.signup_pairs.rows()));
}
