//! Tests that usage does not depend on the month, the day before or the region.

use super::moments::LEAST_ROWS;
use super::value_distributions::minutes_distribution;
use crate::verify::saas_v1::checks::{Aggregates, FIXED_POINT, UsageAggregates};
use crate::verify::saas_v1::derived_model::{DerivedModel, DerivedPlan, Survival};
use crate::verify::statistics::{CountMatrix, LEAST_EXPECTED, Outcome, TOO_FEW, chi_square, correlated};
use nalgebra::DMatrix;

pub fn test(
    model: &DerivedModel,
    aggregates: &Aggregates,
    usage: &UsageAggregates,
    survival: Survival,
    add: &mut impl FnMut(String, Outcome),
) {
    add("rows independent of region".into(), by_region(aggregates, usage, survival));
    let session_moments = |plan: &DerivedPlan| (plan.mean_sessions, plan.mean_sessions);
    add("sessions flat over months".into(), flat_over_months(model, usage, &usage.sessions_by_month, session_moments));
    let minute_moments =
        |plan: &DerivedPlan| mean_and_variance(&minutes_distribution(model, plan, usage.minutes.row(0).len()));
    add(
        "usage_minutes flat over months".into(),
        flat_over_months(model, usage, &usage.minutes_by_month, minute_moments),
    );
    add("sessions independent day to day".into(), day_to_day(model, usage));
}

/// Tests the sums of a value by plan and month. `moments` returns the mean and the variance of the value, which do not
/// depend on the month.
fn flat_over_months(
    model: &DerivedModel,
    usage: &UsageAggregates,
    sums: &CountMatrix,
    moments: impl Fn(&DerivedPlan) -> (f64, f64),
) -> Outcome {
    let (mut statistic, mut cells) = (0.0, 0.0);
    for (index, plan) in model.plans.iter().enumerate() {
        let (mean, variance) = moments(plan);
        for (&sum, rows) in sums.row(index).iter().zip(model.by_month(usage.by_day.row(index))) {
            let rows = rows as f64;
            // With fewer rows the sum is not close to a normal distribution.
            if rows >= 100.0 && rows * variance >= 100.0 {
                statistic += (sum as f64 - rows * mean).powi(2) / (rows * variance);
                cells += 1.0;
            }
        }
    }
    chi_square(statistic, cells)
}

fn mean_and_variance(probabilities: &[f64]) -> (f64, f64) {
    let values = || probabilities.iter().enumerate().map(|(value, probability)| (value as f64, probability));
    let mean: f64 = values().map(|(value, probability)| value * probability).sum();
    (mean, values().map(|(value, probability)| (value - mean).powi(2) * probability).sum())
}

/// Tests whether the sessions of an active day depend on those of the customer's active day before it.
fn day_to_day(model: &DerivedModel, usage: &UsageAggregates) -> Outcome {
    let (mut statistic, mut plans) = (0.0, 0.0);
    for (index, plan) in model.plans.iter().enumerate() {
        let [pairs, first, second, product] = [0, 1, 2, 3].map(|sum| usage.neighbours.row(index)[sum] as f64);
        let mean = plan.mean_sessions;
        if pairs >= LEAST_ROWS && mean > 0.0 {
            // The products of deviations have mean 0 and variance mean^2, and are uncorrelated.
            let deviation = product - mean * (first + second) + pairs * mean * mean;
            statistic += deviation.powi(2) / (pairs * mean * mean);
            plans += 1.0;
        }
    }
    chi_square(statistic, plans)
}

/// Tests the number of rows by region, given the total. It is expected to be in proportion to the summed probabilities
/// of being active of the region's customers.
///
/// All regions share the loss rates of the days, so the rates cancel out.
fn by_region(aggregates: &Aggregates, usage: &UsageAggregates, survival: Survival) -> Outcome {
    let scaled = |row: usize| aggregates.region_activity.row(row).iter().map(|&sum| sum as f64 / FIXED_POINT);
    let regions = scaled(0).zip(scaled(1)).zip(usage.by_region.row(0)).filter(|((active, _), _)| *active > 0.0);
    let regions: Vec<(f64, f64, f64)> =
        regions.map(|((active, squares), &rows)| (active, survival.variance(active, squares), rows as f64)).collect();
    let all_active: f64 = regions.iter().map(|region| region.0).sum();
    let all_variance: f64 = regions.iter().map(|region| region.1).sum();
    let all_rows: f64 = regions.iter().map(|region| region.2).sum();
    // The number of the last region follows from the others.
    let Some((_, others)) = regions.split_last().filter(|(_, others)| !others.is_empty()) else {
        return Err("there is only one region".to_string());
    };
    if regions.iter().any(|region| region.1 < LEAST_EXPECTED * LEAST_EXPECTED) {
        return Err(TOO_FEW.to_string());
    }
    let residuals = others.iter().map(|(active, _, rows)| rows - all_rows * active / all_active).collect();
    let covariance = DMatrix::from_fn(others.len(), others.len(), |i, j| {
        let [(a, v, _), (b, w, _)] = [others[i], others[j]];
        let own = if i == j { v } else { 0.0 };
        own - (a * w + b * v) / all_active + a * b * all_variance / (all_active * all_active)
    });
    correlated(residuals, covariance)
}
