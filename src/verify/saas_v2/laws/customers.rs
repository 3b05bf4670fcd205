//! Tests of `customers` and of the hidden traits in `customer_truth`.

use crate::models::saas_v2::PlanTerm;
use crate::verify::saas_v2::aggregates::{Aggregates, TruthAggregates};
use crate::verify::saas_v2::derived_model::{CLASSES, DerivedModel, FREE, PLAN_TERMS, STATES};
use crate::verify::statistics::{ChiSquare, CountMatrix, Outcome, independence, shares, shares_of_rows};

pub fn test(model: &DerivedModel, aggregates: &Aggregates, add: &mut impl FnMut(String, Outcome)) {
    let parameters = model.parameters();
    let plan_shares = scaled(&parameters.plans.values().map(|plan| plan.share));
    let by_plan: Vec<u64> = by_plan(aggregates);
    add("plan mix".into(), shares(&by_plan, &plan_shares));
    let regions = scaled(&parameters.regions.values().copied().collect::<Vec<_>>());
    add("region mix".into(), shares(&aggregates.regions.column_sums(), &regions));
    let channels = scaled(&parameters.channels.values().map(|channel| channel.share));
    add("channel mix".into(), shares(&aggregates.channels.column_sums(), &channels));
    add("term given plan".into(), terms(model, aggregates));
    add("seats given plan".into(), seats(model, aggregates));
    let by_day = aggregates.signups.column_sums();
    let months = by_month(model, aggregates.signups.rows());
    let mut month_shares = vec![0.0; model.months()];
    let (mut by_weekday, mut weekday_shares) = ([0; 7], [0.0; 7]);
    for (day, (&count, &weight)) in by_day.iter().zip(&model.laws.signup_weights).enumerate() {
        month_shares[model.month_of(day as i32)] += weight;
        weekday_shares[day % 7] += weight;
        by_weekday[day % 7] += count;
    }
    let by_month: Vec<u64> = (0..model.months()).map(|month| months.iter().map(|counts| counts[month]).sum()).collect();
    add("signups by month".into(), shares(&by_month, &month_shares));
    add("signups by weekday".into(), shares(&by_weekday, &weekday_shares));
    add("signups by day".into(), shares(&by_day, &model.laws.signup_weights));
    add("plan and region independent".into(), independence(aggregates.regions.rows()));
    add("plan and channel independent".into(), independence(aggregates.channels.rows()));
    add("plan, term and signup month independent".into(), independence(months.iter().map(Vec::as_slice)));
    add("plans independent one to the next".into(), shares_of_rows(aggregates.plan_pairs.rows(), &plan_shares));
}

/// Tests the classes of frailty and intensity, which are equally likely on each plan. Classes with equal values count
/// as the first of them.
pub fn test_traits(model: &DerivedModel, truth: &TruthAggregates, add: &mut impl FnMut(String, Outcome)) {
    let activity = model.parameters().intensity.activity;
    let frailty: Vec<[f64; 2]> = model.laws.frailty.iter().map(|&value| [value, 0.0]).collect();
    let intensity: Vec<[f64; 2]> = model.laws.intensity.into_iter().zip(activity).map(|(g, b)| [g, b]).collect();
    add("frailty classes equally likely".into(), classes(&truth.frailty, &frailty));
    add("intensity classes equally likely".into(), classes(&truth.intensity, &intensity));
}

fn classes(counts: &CountMatrix, values: &[[f64; 2]]) -> Outcome {
    let mut expected = vec![0.0; CLASSES];
    for value in values {
        let first = values.iter().position(|other| other == value).unwrap_or(0);
        expected[first] += 1.0 / CLASSES as f64;
    }
    shares_of_rows(counts.rows(), &expected)
}

/// Returns the number of customers of each plan.
pub fn by_plan(aggregates: &Aggregates) -> Vec<u64> {
    let mut plans = vec![0; STATES];
    for (of, row) in PlanTerm::ALL.into_iter().zip(aggregates.signups.rows()) {
        plans[usize::from(of.plan)] += row.iter().sum::<u64>();
    }
    plans
}

/// Adds up counts by day to counts by month.
fn by_month<'a>(model: &DerivedModel, rows: impl Iterator<Item = &'a [u64]>) -> Vec<Vec<u64>> {
    let months = |row: &[u64]| {
        let mut months = vec![0; model.months()];
        row.iter().enumerate().for_each(|(day, count)| months[model.month_of(day as i32)] += count);
        months
    };
    rows.map(months).collect()
}

fn terms(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let counts: Vec<u64> = aggregates.signups.rows().map(|row| row.iter().sum()).collect();
    let mut test = ChiSquare::default();
    for index in (1..PLAN_TERMS).step_by(2) {
        let annual = model.plan(PlanTerm::ALL[index].plan).annual;
        let sum = (counts[index] + counts[index + 1]) as f64;
        test.add(&counts[index..index + 2], &[sum * (1.0 - annual), sum * annual]);
    }
    test.outcome()
}

fn seats(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let laws = &model.laws;
    let noise = scaled(&model.parameters().seats.noise.values().map(|&share| share));
    let mut test = ChiSquare::default();
    for (plan, counts) in aggregates.rungs.rows().enumerate().filter(|(plan, _)| *plan != usize::from(FREE)) {
        let sum = counts.iter().sum::<u64>() as f64;
        let mut expected = vec![0.0; counts.len()];
        for rungs in laws.rungs_of_intensity {
            for (step, share) in (-1..).zip(&noise) {
                let rung = (laws.plans[plan].rung + rungs + step).clamp(0, counts.len() as i32 - 1);
                expected[rung as usize] += sum * share / CLASSES as f64;
            }
        }
        test.add(counts, &expected);
    }
    test.outcome()
}

/// Scales shares, which sum to 1 within the tolerance of the model's checks, to a sum of 1.
fn scaled(shares: &[f64]) -> Vec<f64> {
    let total: f64 = shares.iter().sum();
    shares.iter().map(|share| share / total).collect()
}
