//! Tests of the values of active days.

use super::support::add_counts;
use crate::random::ONE;
use crate::verify::saas_v2::aggregates::{SESSION_SUMS, UsageAggregates};
use crate::verify::saas_v2::derived_model::{CLASSES, DerivedModel};
use crate::verify::statistics::{ChiSquare, Outcome, TOO_FEW, normal, poisson, squares};

/// The smallest number of customers for which a mean over customers is close to normally distributed.
const LEAST_CUSTOMERS: f64 = 500.0;

/// The smallest number of rows for which a mean over rows is close to normally distributed.
const LEAST_ROWS: f64 = 100.0;

pub fn test(
    model: &DerivedModel,
    usage: &UsageAggregates,
    knows_intensity: bool,
    add: &mut impl FnMut(String, Outcome),
) {
    for (plan, name) in model.plan_names().into_iter().enumerate() {
        add(format!("mean sessions, {name}"), mean_sessions(model, usage, plan));
        if knows_intensity {
            add(format!("sessions given intensity, {name}"), sessions(model, usage, plan));
        }
    }
    add("feature_events given sessions".into(), events(model, usage));
    for (plan, name) in model.plan_names().into_iter().enumerate() {
        let moments = minutes(model, usage, plan);
        add(format!("mean usage_minutes given sessions, {name}"), means(&moments));
        add(format!("spread of usage_minutes given sessions, {name}"), spread(&moments));
    }
}

/// Returns the probabilities of the sessions of customers of `plan` with this class of intensity, from 0.
fn session_shares(model: &DerivedModel, plan: usize, class: usize, values: usize) -> Vec<f64> {
    let table = &model.laws.usage.sessions[plan * CLASSES + class];
    let mut shares = vec![0.0; values];
    for (value, words) in (table.first().max(0) as usize..).zip(table.words_per_value()) {
        if let Some(share) = shares.get_mut(value) {
            *share += words as f64 / ONE as f64;
        }
    }
    shares
}

/// Tests the sum of sessions, given the rows of the customers. All rows of a customer share the class of intensity, so
/// the spread is that between customers.
fn mean_sessions(model: &DerivedModel, usage: &UsageAggregates, plan: usize) -> Outcome {
    let activity = model.parameters().intensity.activity;
    let (mut weights, mut mean) = (0.0, 0.0);
    for (class, factor) in activity.into_iter().enumerate() {
        let shares = session_shares(model, plan, class, usage.sessions.columns());
        weights += factor;
        mean += factor * shares.iter().enumerate().map(|(value, share)| value as f64 * share).sum::<f64>();
    }
    mean /= weights;
    let sums: Vec<f64> = usage.customers.row(plan).iter().map(|&sum| sum as f64).collect();
    let Ok([customers, rows, sessions, squared_rows, products, squared_sessions]) =
        <[f64; SESSION_SUMS]>::try_from(sums)
    else {
        return Err(TOO_FEW.to_string());
    };
    if customers < LEAST_CUSTOMERS || !mean.is_finite() {
        return Err(TOO_FEW.to_string());
    }
    // The sum of (sessions - mean x rows)² over customers.
    let variance = squared_sessions - 2.0 * mean * products + mean * mean * squared_rows;
    Ok(normal(sessions / rows, mean, variance.max(0.0).sqrt() / rows))
}

fn sessions(model: &DerivedModel, usage: &UsageAggregates, plan: usize) -> Outcome {
    let mut test = ChiSquare::default();
    for class in 0..CLASSES {
        let counts = usage.sessions.row(plan * CLASSES + class);
        // Classes with equal values count as the first of them, which has the same distribution.
        add_counts(&mut test, counts, &session_shares(model, plan, class, counts.len()));
    }
    test.outcome()
}

fn events(model: &DerivedModel, usage: &UsageAggregates) -> Outcome {
    let per_session = model.parameters().usage.events_per_session;
    let mut test = ChiSquare::default();
    for (sessions, counts) in usage.events().enumerate() {
        if counts.iter().any(|&count| count > 0) {
            add_counts(&mut test, counts, &poisson(per_session * sessions as f64, counts.len()));
        }
    }
    test.outcome()
}

/// Usage minutes of the rows with the same number of sessions: their sums, and the moments of their distribution.
struct Minutes {
    rows: f64,
    sum: f64,
    squares: f64,
    mean: f64,
    /// The central moments of second, third and fourth order.
    moments: [f64; 3],
}

fn minutes(model: &DerivedModel, usage: &UsageAggregates, plan: usize) -> Vec<Minutes> {
    let laws = &model.laws.minutes;
    let counts = usage.minute_rows.row(plan).iter().zip(usage.minutes.row(plan)).zip(usage.squared_minutes.row(plan));
    let counted = counts.enumerate().filter(|(_, ((rows, _), _))| **rows > 0);
    let of_sessions = |(sessions, ((rows, sum), squares)): (usize, ((&u64, &u64), &u64))| {
        let steps = laws.normal.iter().flat_map(|&step| [i32::from(step), -i32::from(step)]);
        let values: Vec<f64> = steps.map(|step| f64::from(laws.plans[plan].of(sessions as i32, step))).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let moment = |order| values.iter().map(|value| (value - mean).powi(order)).sum::<f64>() / values.len() as f64;
        let (rows, sum, squares) = (*rows as f64, *sum as f64, *squares as f64);
        Minutes { rows, sum, squares, mean, moments: [moment(2), moment(3), moment(4)] }
    };
    counted.map(of_sessions).collect()
}

/// Tests the mean minutes for each number of sessions with enough rows.
fn means(minutes: &[Minutes]) -> Outcome {
    let enough = minutes.iter().filter(|minutes| minutes.rows >= LEAST_ROWS && minutes.moments[0] > 0.0);
    let scores: Vec<(f64, f64)> = enough
        .map(|minutes| {
            let [variance, _, fourth] = minutes.moments;
            let score = (minutes.sum - minutes.rows * minutes.mean) / (minutes.rows * variance).sqrt();
            (score, (fourth / (variance * variance) - 3.0) / minutes.rows)
        })
        .collect();
    if scores.is_empty() { Err(TOO_FEW.to_string()) } else { squares(scores.into_iter()) }
}

/// Tests the sum of the squared deviations of all rows from the mean minutes of their sessions.
fn spread(minutes: &[Minutes]) -> Outcome {
    let (mut observed, mut expected, mut variance, mut rows) = (0.0, 0.0, 0.0, 0.0);
    for minutes in minutes {
        let Minutes { rows: own, sum, squares, mean, moments: [second, _, fourth] } = minutes;
        observed += squares - 2.0 * mean * sum + own * mean * mean;
        expected += own * second;
        variance += own * (fourth - second * second);
        rows += own;
    }
    if rows < LEAST_ROWS * 5.0 || variance == 0.0 {
        return Err(TOO_FEW.to_string());
    }
    Ok(normal(observed / rows, expected / rows, variance.sqrt() / rows))
}
