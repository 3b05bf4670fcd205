//! How many tickets there are, when, and about what.

use super::values;
use crate::tables::mean_tickets;
use crate::verify::facts::Facts;
use crate::verify::statistics::{
    LEAST_EXPECTED, Outcome, TOO_FEW, correlated, correlated_if_enough, independence, poisson, shares, squares, strata,
};
use crate::verify::tally::{Grid, TENURE_PARTS, Tally};

pub(super) fn laws(facts: &Facts, tally: &Tally, law: &mut impl FnMut(String, Outcome)) {
    let support = &facts.model.parameters().support;
    law("tickets by tenure".into(), by_tenure(facts, tally));
    law("tickets a customer: Poisson".into(), counts(facts, tally));
    law("ticket dates uniform over tenure".into(), dates(facts, tally));
    law("tickets by calendar day".into(), by_day(facts, tally));
    law("tickets by weekday".into(), by_weekday(facts, tally));
    law("tickets by plan".into(), by_group(facts, &tally.signups, tally.tickets_by_plan.row(0)));
    law("tickets by region".into(), by_group(facts, &tally.regions_by_day, tally.tickets_by_region.row(0)));
    law("category mix".into(), shares(&categories(tally), &values(&support.category)));
    law("priority mix".into(), shares(&tally.topics.column_sums(), &values(&support.priority)));
    law("category and priority independent".into(), independence(tally.topics.rows()));
    law("category and plan independent".into(), independence(tally.categories_by_plan.rows()));
    law("priority and plan independent".into(), independence(tally.priorities_by_plan.rows()));
}

fn categories(tally: &Tally) -> Vec<u64> {
    tally.topics.rows().map(|row| row.iter().sum()).collect()
}

/// The mean number of tickets of a customer, by signup day.
fn means(facts: &Facts) -> Vec<f64> {
    let last = facts.window.days - 1;
    (0..=last).map(|signup| mean_tickets(&facts.model, last - signup)).collect()
}

/// Groups of signup days that tickets are counted by, at most: few, so that a small difference over many days shows.
const TENURES: usize = 20;

/// Tickets by their customer's signup day: Poisson, each on its own.
fn by_tenure(facts: &Facts, tally: &Tally) -> Outcome {
    let width = facts.days().div_ceil(TENURES);
    let customers = tally.signups.column_sums();
    let expected: Vec<f64> =
        customers.iter().zip(means(facts)).map(|(&customers, mean)| customers as f64 * mean).collect();
    let groups = expected.chunks(width).zip(tally.tickets_by_signup.row(0).chunks(width));
    let groups = groups.map(|(expected, tickets)| (expected.iter().sum::<f64>(), tickets.iter().sum::<u64>()));
    scores(groups)
}

/// Tickets by groups of customers, which have no say in them: Poisson, each group on its own. `signups` has the
/// customers by group and signup day.
fn by_group(facts: &Facts, signups: &Grid, tickets: &[u64]) -> Outcome {
    let means = means(facts);
    let expected = signups
        .rows()
        .map(|signups| signups.iter().zip(&means).map(|(&customers, mean)| customers as f64 * mean).sum::<f64>());
    scores(expected.zip(tickets.iter().copied()))
}

/// Expected and observed counts of Poisson laws, those too small left out.
fn scores(counts: impl Iterator<Item = (f64, u64)>) -> Outcome {
    let counts = counts.filter(|(expected, _)| *expected >= LEAST_EXPECTED);
    // The excess kurtosis of a Poisson law, and so the extra variance of the squared score, is 1 / mean.
    let scores = counts.map(|(expected, count)| ((count as f64 - expected) / expected.sqrt(), 1.0 / expected));
    let scores: Vec<(f64, f64)> = scores.collect();
    if scores.is_empty() { Err(TOO_FEW.to_string()) } else { squares(scores.into_iter()) }
}

/// Customers by their number of tickets: a sum of Poisson laws, one a signup day.
fn counts(facts: &Facts, tally: &Tally) -> Outcome {
    let observed = tally.ticket_counts.row(0);
    let customers = tally.signups.column_sums();
    let laws: Vec<(f64, Vec<f64>)> = customers
        .iter()
        .zip(means(facts))
        .filter(|(customers, _)| **customers > 0)
        .map(|(&customers, mean)| (customers as f64, poisson(mean, observed.len())))
        .collect();
    // Numbers of tickets, put together until enough customers are expected of each; the last follows from the others.
    let expected = |value: usize| laws.iter().map(|(customers, law)| customers * law[value]).sum::<f64>();
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
    let by_signup = laws.iter().map(|(customers, law)| {
        (*customers, cells.iter().map(|cell| cell.iter().map(|&value| law[value]).sum()).collect())
    });
    let (residuals, covariance) = strata(observed, by_signup);
    correlated(residuals, covariance)
}

/// Tickets by part of their customer's time, given how many the customers of each signup day have: as many as the part
/// has of the days since.
fn dates(facts: &Facts, tally: &Tally) -> Outcome {
    let parts = TENURE_PARTS - 1;
    let by_signup = tally.tickets_by_signup.row(0).iter().enumerate().map(|(signup, &tickets)| {
        let tenure = facts.days() - signup;
        let mut shares = vec![0.0; TENURE_PARTS];
        (0..tenure).for_each(|age| shares[age * TENURE_PARTS / tenure] += 1.0 / tenure as f64);
        shares.truncate(parts);
        (tickets as f64, shares)
    });
    let observed = tally.ticket_parts.row(0)[..parts].iter().map(|&count| count as f64);
    let (residuals, covariance) = strata(observed, by_signup);
    correlated_if_enough(residuals, covariance)
}

/// Tickets by day, given how many the customers of each signup day have.
fn by_day(facts: &Facts, tally: &Tally) -> Outcome {
    let days = facts.days();
    let (mut expected, mut variance) = (vec![0.0; days], vec![0.0; days]);
    let (mut expected_each, mut less_each) = (0.0, 0.0);
    for (day, tickets) in tally.tickets_by_signup.row(0).iter().enumerate() {
        // Customers who signed up by this day may have tickets on it.
        let share = 1.0 / (days - day) as f64;
        expected_each += *tickets as f64 * share;
        less_each += *tickets as f64 * share * share;
        expected[day] = expected_each;
        variance[day] = expected_each - less_each;
    }
    let cells = tally.tickets_by_day.row(0).iter().zip(&expected).zip(&variance);
    let cells: Vec<_> = cells.filter(|((_, expected), _)| **expected >= LEAST_EXPECTED).collect();
    if cells.len() < 30 {
        return Err(TOO_FEW.to_string());
    }
    // Days take tickets from each other, but each so few from any one that their scores are as good as independent.
    squares(
        cells
            .into_iter()
            .map(|((&observed, expected), variance)| ((observed as f64 - expected) / variance.sqrt(), 1.0 / expected)),
    )
}

/// Tickets by weekday, given the same.
fn by_weekday(facts: &Facts, tally: &Tally) -> Outcome {
    let days = facts.days();
    let mut observed = [0.0; 7];
    tally.tickets_by_day.row(0).iter().enumerate().for_each(|(day, &count)| observed[day % 7] += count as f64);
    let mut days_of = [0.0; 7];
    let by_signup = (0..days).rev().map(|signup| {
        days_of[signup % 7] += 1.0;
        let shares = days_of[..6].iter().map(|count| count / (days - signup) as f64).collect();
        (tally.tickets_by_signup.row(0)[signup] as f64, shares)
    });
    let (residuals, covariance) = strata(observed[..6].iter().copied(), by_signup);
    correlated_if_enough(residuals, covariance)
}
