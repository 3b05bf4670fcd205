//! What the rows of usage must not depend on: months, the day before, regions.

use super::by_month;
use super::moments::LEAST_ROWS;
use super::usage::minutes_law;
use crate::verify::facts::{Facts, PlanFacts, Survival};
use crate::verify::statistics::{LEAST_EXPECTED, Outcome, TOO_FEW, chi_square, correlated};
use crate::verify::tally::{FIXED_POINT, Grid, Tally, UsageTally};
use nalgebra::DMatrix;

pub(super) fn laws(
    facts: &Facts,
    tally: &Tally,
    usage: &UsageTally,
    survival: Survival,
    law: &mut impl FnMut(String, Outcome),
) {
    law("rows independent of region".into(), by_region(tally, usage, survival));
    let of_sessions = |plan: &PlanFacts| (plan.mean_sessions, plan.mean_sessions);
    law("sessions flat over months".into(), flat(facts, usage, &usage.sessions_by_month, of_sessions));
    let of_minutes = |plan: &PlanFacts| mean_and_variance(&minutes_law(facts, plan, usage.minutes.row(0).len()));
    law("usage_minutes flat over months".into(), flat(facts, usage, &usage.minutes_by_month, of_minutes));
    law("sessions independent day to day".into(), serial(facts, usage));
}

/// Sums by plan and month of what each row has by itself, whatever the month: mean and variance are `law`'s.
fn flat(facts: &Facts, usage: &UsageTally, sums: &Grid, law: impl Fn(&PlanFacts) -> (f64, f64)) -> Outcome {
    let (mut statistic, mut cells) = (0.0, 0.0);
    for (index, plan) in facts.plans.iter().enumerate() {
        let (mean, variance) = law(plan);
        for (&sum, rows) in sums.row(index).iter().zip(by_month(facts, usage.by_day.row(index))) {
            let rows = rows as f64;
            // So many that their sum is near normal.
            if rows >= 100.0 && rows * variance >= 100.0 {
                statistic += (sum as f64 - rows * mean).powi(2) / (rows * variance);
                cells += 1.0;
            }
        }
    }
    chi_square(statistic, cells)
}

fn mean_and_variance(law: &[f64]) -> (f64, f64) {
    let values = || law.iter().enumerate().map(|(value, share)| (value as f64, share));
    let mean: f64 = values().map(|(value, share)| value * share).sum();
    (mean, values().map(|(value, share)| (value - mean).powi(2) * share).sum())
}

/// Sessions of a customer's active days, each against the one before.
fn serial(facts: &Facts, usage: &UsageTally) -> Outcome {
    let (mut statistic, mut plans) = (0.0, 0.0);
    for (index, plan) in facts.plans.iter().enumerate() {
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

/// Rows by region, given how many there are in all: in proportion to what the customers of each are likely to be active.
///
/// Losses are alike in all regions, and shared: they cancel out.
fn by_region(tally: &Tally, usage: &UsageTally, survival: Survival) -> Outcome {
    let scaled = |row: usize| tally.region_activity.row(row).iter().map(|&sum| sum as f64 / FIXED_POINT);
    let regions = scaled(0).zip(scaled(1)).zip(usage.by_region.row(0)).filter(|((active, _), _)| *active > 0.0);
    let regions: Vec<(f64, f64, f64)> =
        regions.map(|((active, squares), &rows)| (active, survival.variance(active, squares), rows as f64)).collect();
    let all_active: f64 = regions.iter().map(|region| region.0).sum();
    let all_variance: f64 = regions.iter().map(|region| region.1).sum();
    let all_rows: f64 = regions.iter().map(|region| region.2).sum();
    // The last region's number follows from the others'.
    let Some((_, others)) = regions.split_last().filter(|(_, others)| !others.is_empty()) else {
        return Err("there is one region".to_string());
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
