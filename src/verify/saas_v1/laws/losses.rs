//! Tests of the loss of usage logs.
//!
//! Each day has its own loss rate, uniform between the model's limits. The number of rows that a day loses is then
//! binomial with a uniform rate. The quantile of the observed number in this distribution is uniform over 0..1 and
//! independent between days. Most tests here check this.

use crate::verify::saas_v1::checks::Aggregates;
use crate::verify::saas_v1::derived_model::DerivedModel;
use crate::verify::statistics::{
    LEAST_EXPECTED, Measured, Outcome, TOO_FEW, correlated_if_enough, normal, shares, standard_normal, two_sided,
};
use nalgebra::DMatrix;
use statrs::distribution::ContinuousCDF;

/// The smallest variance of a day's number of lost rows for which its distribution is close enough to a continuous one.
const LEAST_VARIANCE: f64 = 12.0;

/// The number of steps of the integral over a day's possible loss rates.
const STEPS: usize = 64;

/// The rows of a day.
struct Day {
    active: f64,
    lost: f64,
}

pub fn test(model: &DerivedModel, aggregates: &Aggregates, add: &mut impl FnMut(String, Outcome)) {
    let truth = aggregates.usage_truth.by_day.column_sums();
    let logged = aggregates.usage_daily.by_day.column_sums();
    let row_variance = model.survival.mean * (1.0 - model.survival.mean);
    let days = truth.iter().zip(&logged).filter(|&(&active, _)| active as f64 * row_variance >= LEAST_VARIANCE);
    let days: Vec<Day> =
        days.map(|(&active, &logged)| Day { active: active as f64, lost: active as f64 - logged as f64 }).collect();
    let logs = &model.parameters.logs;
    let limits = (logs.loss_min, logs.loss_max);
    let tails: Vec<(f64, f64)> = days.iter().map(|day| tails(day, limits)).collect();
    add("missing logs: mean rate of a day".into(), mean_rate(&days, model));
    add("missing logs: rates over their band".into(), uniform_quantiles(&tails));
    add("missing logs: the most extreme day".into(), most_extreme(&days, &tails, limits));
    add("missing logs: days independent".into(), day_to_day(&tails));
    add("missing logs independent of plan".into(), by_plan(model, aggregates));
}

fn mean_rate(days: &[Day], model: &DerivedModel) -> Outcome {
    if days.is_empty() {
        return Err(TOO_FEW.to_string());
    }
    let (mean, sd) = (1.0 - model.survival.mean, model.survival.sd);
    let binomial = |day: &Day| (mean * (1.0 - mean) - sd * sd) / day.active;
    let variance: f64 = days.iter().map(|day| sd * sd + binomial(day)).sum();
    let rates: f64 = days.iter().map(|day| day.lost / day.active).sum();
    let count = days.len() as f64;
    Ok(normal(rates / count, mean, variance.sqrt() / count))
}

/// Tests whether the quantiles of the days are uniform.
fn uniform_quantiles(tails: &[(f64, f64)]) -> Outcome {
    let bins = (tails.len() as f64 / (2.0 * LEAST_EXPECTED)).floor().clamp(1.0, 20.0);
    let mut counts = vec![0; bins as usize];
    for (lower, _) in tails {
        counts[((lower * bins) as usize).min(bins as usize - 1)] += 1;
    }
    shares(&counts, &vec![1.0 / bins; counts.len()])
}

/// Tests the correlation of the quantiles of consecutive days.
fn day_to_day(tails: &[(f64, f64)]) -> Outcome {
    let pairs = tails.len().saturating_sub(1);
    if pairs < 30 {
        return Err(TOO_FEW.to_string());
    }
    let products = tails.windows(2).map(|days| (days[0].0 - 0.5) * (days[1].0 - 0.5));
    // A uniform quantile has the variance 1/12.
    let correlation = products.sum::<f64>() * 12.0 / pairs as f64;
    Ok(normal(correlation, 0.0, 1.0 / (pairs as f64).sqrt()))
}

/// Tests the most extreme quantile of all days. The result shows the rate of that day and the limit that is nearer to
/// it.
fn most_extreme(days: &[Day], tails: &[(f64, f64)], (low, high): (f64, f64)) -> Outcome {
    let extreme = days.iter().zip(tails).min_by(|a, b| a.1.0.min(a.1.1).total_cmp(&b.1.0.min(b.1.1)));
    let (day, &(lower, upper)) = extreme.ok_or_else(|| TOO_FEW.to_string())?;
    let single = two_sided(lower, upper);
    // The p-value of the smallest of independent two-sided p-values (Z. Šidák, 1967).
    let smallest = -f64::exp_m1(days.len() as f64 * f64::ln_1p(-single));
    let smallest = if single < 1.0 { smallest } else { 1.0 };
    let noise = (0.25_f64.min(high * (1.0 - high)) / day.active).sqrt();
    let reach = 4.0 * noise;
    Ok(Measured {
        expected: if lower < upper { low } else { high },
        observed: day.lost / day.active,
        interval: [(low - reach).max(0.0), (high + reach).min(1.0)],
        p: smallest,
    })
}

/// Returns the probabilities that a day loses fewer rows, and more rows, than observed. Half of the probability of the
/// observed number is part of each.
fn tails(day: &Day, (low, high): (f64, f64)) -> (f64, f64) {
    let at = |rate: f64| {
        let sd = (day.active * rate * (1.0 - rate)).sqrt().max(f64::MIN_POSITIVE);
        let score = (day.lost - day.active * rate) / sd;
        (standard_normal().cdf(score), standard_normal().cdf(-score))
    };
    if high - low < 1e-12 {
        return at(low);
    }
    // Rates more than nine standard deviations from the observed one are practically certain to lose fewer rows, or
    // more.
    let observed = (day.lost / day.active).clamp(0.0, 1.0);
    let reach =
        9.0 * (0.25_f64.min(observed.max(low) * (1.0 - observed.min(high)) + 1.0 / day.active) / day.active).sqrt();
    let (from, to) = ((observed - reach).clamp(low, high), (observed + reach).clamp(low, high));
    let (mut lower, mut upper) = (0.0, 0.0);
    // Simpson's rule.
    for step in 0..=STEPS {
        let weight = if step == 0 || step == STEPS { 1.0 } else { 2.0 + 2.0 * (step % 2) as f64 };
        let (below, above) = at(from + (to - from) * step as f64 / STEPS as f64);
        lower += weight * below;
        upper += weight * above;
    }
    let share = (to - from) / (3.0 * STEPS as f64);
    // At rates below `from`, fewer rows than observed are lost with certainty, and at rates above `to` more.
    ((lower * share + (from - low)) / (high - low), (upper * share + (high - to)) / (high - low))
}

/// Tests whether all plans lose the same share of rows. Given the number of rows that a day loses, these rows are a
/// random sample of all rows of the day.
fn by_plan(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let plans: Vec<usize> = (0..model.plans.len())
        .filter(|&plan| aggregates.usage_truth.by_day.row(plan).iter().sum::<u64>() > 0)
        .collect();
    // The numbers of the last plan follow from the others.
    let Some((_, plans)) = plans.split_last().filter(|(_, others)| !others.is_empty()) else {
        return Err("there is only one plan".to_string());
    };
    let mut residuals = vec![0.0; plans.len()];
    let mut covariance = DMatrix::<f64>::zeros(plans.len(), plans.len());
    let truth = aggregates.usage_truth.by_day.column_sums();
    let logged = aggregates.usage_daily.by_day.column_sums();
    for (day, (&active, &logged)) in truth.iter().zip(&logged).enumerate().filter(|(_, (active, _))| **active > 1) {
        let (active, lost) = (active as f64, active as f64 - logged as f64);
        // Hypergeometric.
        let factor = lost * (active - lost) / (active - 1.0);
        let share = |plan: usize| aggregates.usage_truth.by_day.row(plan)[day] as f64 / active;
        for (i, &plan) in plans.iter().enumerate() {
            let own = aggregates.usage_truth.by_day.row(plan)[day] as f64
                - aggregates.usage_daily.by_day.row(plan)[day] as f64;
            residuals[i] += own - lost * share(plan);
            for (j, &other) in plans.iter().enumerate() {
                let same = if i == j { share(plan) } else { 0.0 };
                covariance[(i, j)] += factor * (same - share(plan) * share(other));
            }
        }
    }
    correlated_if_enough(residuals, covariance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_of_a_day_match_its_distribution() {
        let at = |lost: f64| tails(&Day { active: 1e6, lost }, (0.12, 0.18));
        assert!((at(150_000.0).0 - 0.5).abs() < 1e-4);
        assert!((at(135_000.0).0 - 0.25).abs() < 1e-4);
        assert!((at(165_000.0).1 - 0.25).abs() < 1e-4);
        for lost in [118_000.0, 150_000.0, 179_500.0, 182_000.0] {
            let (lower, upper) = at(lost);
            assert!((lower + upper - 1.0).abs() < 1e-9, "{lower} {upper}");
        }
        assert!(at(183_000.0).1 < 1e-10 && at(110_000.0).0 < 1e-20);
        let (lower, _) = tails(&Day { active: 10_000.0, lost: 1_500.0 }, (0.15, 0.15));
        assert!((lower - 0.5).abs() < 1e-9);
    }
}
