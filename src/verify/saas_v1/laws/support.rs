//! Tests of `support`: how many tickets there are, when they come and what they are about.

use crate::models::saas_v1::mean_tickets;
use crate::verify::saas_v1::checks::{Aggregates, TENURE_PARTS};
use crate::verify::saas_v1::derived_model::{DerivedModel, share_values};
use crate::verify::statistics::{
    CountMatrix, LEAST_EXPECTED, Outcome, TOO_FEW, correlated, correlated_if_enough, independence, poisson, shares,
    squares, strata,
};

pub fn test(model: &DerivedModel, aggregates: &Aggregates, add: &mut impl FnMut(String, Outcome)) {
    let support = &model.parameters.support;
    add("tickets by tenure".into(), by_tenure(model, aggregates));
    add("tickets a customer: Poisson".into(), ticket_counts(model, aggregates));
    add("ticket dates uniform over tenure".into(), ticket_dates(model, aggregates));
    add("tickets by calendar day".into(), by_day(model, aggregates));
    add("tickets by weekday".into(), by_weekday(model, aggregates));
    add("tickets by plan".into(), by_group(model, &aggregates.signups, aggregates.tickets_by_plan.row(0)));
    add("tickets by region".into(), by_group(model, &aggregates.regions_by_day, aggregates.tickets_by_region.row(0)));
    add("category mix".into(), shares(&categories(aggregates), &share_values(&support.category)));
    add("priority mix".into(), shares(&aggregates.topics.column_sums(), &share_values(&support.priority)));
    add("category and priority independent".into(), independence(aggregates.topics.rows()));
    add("category and plan independent".into(), independence(aggregates.categories_by_plan.rows()));
    add("priority and plan independent".into(), independence(aggregates.priorities_by_plan.rows()));
}

fn categories(aggregates: &Aggregates) -> Vec<u64> {
    aggregates.topics.rows().map(|row| row.iter().sum()).collect()
}

/// Returns the mean number of tickets of a customer for each signup day.
fn mean_by_signup(model: &DerivedModel) -> Vec<f64> {
    let last = model.window.days - 1;
    (0..=last).map(|signup| mean_tickets(&model.parameters.support, last - signup)).collect()
}

/// The largest number of groups of signup days. With few groups, a small difference over many days is significant.
const SIGNUP_GROUPS: usize = 20;

/// Tests the number of tickets by groups of signup days. Each has a Poisson distribution.
fn by_tenure(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let width = model.days().div_ceil(SIGNUP_GROUPS);
    let customers = aggregates.signups.column_sums();
    let expected: Vec<f64> =
        customers.iter().zip(mean_by_signup(model)).map(|(&customers, mean)| customers as f64 * mean).collect();
    let groups = expected.chunks(width).zip(aggregates.tickets_by_signup.row(0).chunks(width));
    let groups = groups.map(|(expected, tickets)| (expected.iter().sum::<f64>(), tickets.iter().sum::<u64>()));
    poisson_counts(groups)
}

/// Tests the number of tickets by groups of customers, such as plans, which do not influence it. Each has a Poisson
/// distribution. `signups` are the customers by group and signup day.
fn by_group(model: &DerivedModel, signups: &CountMatrix, tickets: &[u64]) -> Outcome {
    let means = mean_by_signup(model);
    let expected = signups
        .rows()
        .map(|signups| signups.iter().zip(&means).map(|(&customers, mean)| customers as f64 * mean).sum::<f64>());
    poisson_counts(expected.zip(tickets.iter().copied()))
}

/// Tests pairs of an expected and an observed count with Poisson distributions. Small expected counts are left out.
fn poisson_counts(counts: impl Iterator<Item = (f64, u64)>) -> Outcome {
    let counts = counts.filter(|(expected, _)| *expected >= LEAST_EXPECTED);
    // A Poisson distribution has the excess kurtosis 1 / mean, which is the extra variance of the squared score.
    let scores = counts.map(|(expected, count)| ((count as f64 - expected) / expected.sqrt(), 1.0 / expected));
    let scores: Vec<(f64, f64)> = scores.collect();
    if scores.is_empty() { Err(TOO_FEW.to_string()) } else { squares(scores.into_iter()) }
}

/// Tests the number of customers by their number of tickets. It is a mixture of Poisson distributions, one for each
/// signup day.
fn ticket_counts(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let observed = aggregates.ticket_counts.row(0);
    let customers = aggregates.signups.column_sums();
    let strata_by_signup: Vec<(f64, Vec<f64>)> = customers
        .iter()
        .zip(mean_by_signup(model))
        .filter(|(customers, _)| **customers > 0)
        .map(|(&customers, mean)| (customers as f64, poisson(mean, observed.len())))
        .collect();
    // Neighbouring numbers of tickets are merged until enough customers are expected in each cell. The last cell
    // follows from the others.
    let expected = |value: usize| {
        strata_by_signup.iter().map(|(customers, probabilities)| customers * probabilities[value]).sum::<f64>()
    };
    let (mut cells, mut cell, mut sum): (Vec<Vec<usize>>, Vec<usize>, f64) = (Vec::new(), Vec::new(), 0.0);
    for value in 0..observed.len() {
        cell.push(value);
        sum += expected(value);
        if sum >= LEAST_EXPECTED {
            cells.push(std::mem::take(&mut cell));
            sum = 0.0;
        }
    }
    cells.pop();
    if cells.is_empty() {
        return Err(TOO_FEW.to_string());
    }
    let observed = cells.iter().map(|cell| cell.iter().map(|&value| observed[value] as f64).sum());
    let by_signup = strata_by_signup.iter().map(|(customers, probabilities)| {
        (*customers, cells.iter().map(|cell| cell.iter().map(|&value| probabilities[value]).sum()).collect())
    });
    let (residuals, covariance) = strata(observed, by_signup);
    correlated(residuals, covariance)
}

/// Tests the number of tickets by part of the time since signup, given the number of tickets by signup day. Each part
/// has tickets in proportion to its days.
fn ticket_dates(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let parts = TENURE_PARTS - 1;
    let by_signup = aggregates.tickets_by_signup.row(0).iter().enumerate().map(|(signup, &tickets)| {
        let tenure = model.days() - signup;
        let mut shares = vec![0.0; TENURE_PARTS];
        (0..tenure).for_each(|age| shares[age * TENURE_PARTS / tenure] += 1.0 / tenure as f64);
        shares.truncate(parts);
        (tickets as f64, shares)
    });
    let observed = aggregates.ticket_parts.row(0)[..parts].iter().map(|&count| count as f64);
    let (residuals, covariance) = strata(observed, by_signup);
    correlated_if_enough(residuals, covariance)
}

/// Tests the number of tickets by day of the window, given the number of tickets by signup day.
fn by_day(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let days = model.days();
    let (mut expected, mut variance) = (vec![0.0; days], vec![0.0; days]);
    let (mut sum, mut sum_of_squares) = (0.0, 0.0);
    for (day, tickets) in aggregates.tickets_by_signup.row(0).iter().enumerate() {
        // From their signup day on, customers have tickets on each day with the same probability.
        let share = 1.0 / (days - day) as f64;
        sum += *tickets as f64 * share;
        sum_of_squares += *tickets as f64 * share * share;
        expected[day] = sum;
        variance[day] = sum - sum_of_squares;
    }
    let cells = aggregates.tickets_by_day.row(0).iter().zip(&expected).zip(&variance);
    let cells: Vec<_> = cells.filter(|((_, expected), _)| **expected >= LEAST_EXPECTED).collect();
    if cells.len() < 30 {
        return Err(TOO_FEW.to_string());
    }
    // Given the totals, the counts of days are correlated, but so weakly that their scores are practically independent.
    squares(
        cells
            .into_iter()
            .map(|((&observed, expected), variance)| ((observed as f64 - expected) / variance.sqrt(), 1.0 / expected)),
    )
}

/// Tests the number of tickets by weekday, given the number of tickets by signup day.
fn by_weekday(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let days = model.days();
    let mut observed = [0.0; 7];
    aggregates.tickets_by_day.row(0).iter().enumerate().for_each(|(day, &count)| observed[day % 7] += count as f64);
    let mut weekdays = [0.0; 7];
    let by_signup = (0..days).rev().map(|signup| {
        weekdays[signup % 7] += 1.0;
        let shares = weekdays[..6].iter().map(|count| count / (days - signup) as f64).collect();
        (aggregates.tickets_by_signup.row(0)[signup] as f64, shares)
    });
    let (residuals, covariance) = strata(observed[..6].iter().copied(), by_signup);
    correlated_if_enough(residuals, covariance)
}
