//! Tests of `support`: what tickets are about, when they come and, with `cycles_truth`, how many there are.

use crate::verify::saas_v2::aggregates::Aggregates;
use crate::verify::saas_v2::derived_model::{DerivedModel, STATES};
use crate::verify::statistics::{ChiSquare, Outcome, poisson, shares};

pub fn test(model: &DerivedModel, aggregates: &Aggregates, knows_cycles: bool, add: &mut impl FnMut(String, Outcome)) {
    let tickets = &model.parameters().tickets;
    let problems = &aggregates.categories.row(0)[..2];
    add("category of problem tickets".into(), shares(problems, &[tickets.technical, 1.0 - tickets.technical]));
    let priorities = [("problem", tickets.problem_priority), ("howto", tickets.howto_priority)];
    for ((kind, law), counts) in priorities.into_iter().zip(aggregates.priorities.rows()) {
        let law = law.values().map(|&share| share);
        let total: f64 = law.iter().sum();
        add(format!("priority of {kind} tickets"), shares(counts, &law.map(|share| share / total)));
    }
    let days = aggregates.ticket_days.columns();
    let even = vec![1.0 / days as f64; days];
    add("ticket dates uniform over the cycle".into(), shares(aggregates.ticket_days.row(0), &even));
    if knows_cycles {
        add("howto tickets of a cycle: Poisson".into(), howto(model, aggregates));
    }
}

/// Tests the numbers of how-to tickets in whole cycles, by plan, engagement and whether it is the first cycle.
fn howto(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let states = model.parameters().engagement.values();
    let mut test = ChiSquare::default();
    for (index, counts) in aggregates.truth.howto_tickets.rows().enumerate() {
        let cell = index / 2;
        let factor = if index % 2 == 0 { model.parameters().tickets.first_cycle } else { 1.0 };
        let own = model.plan((cell / STATES) as u8).howto_tickets * states[cell % STATES].howto_tickets;
        add_counts(&mut test, counts, &poisson(factor * own, counts.len()));
    }
    test.outcome()
}

/// Adds counts with the expected shares of their sum.
pub fn add_counts(test: &mut ChiSquare, counts: &[u64], shares: &[f64]) {
    let sum = counts.iter().sum::<u64>() as f64;
    if sum > 0.0 {
        test.add(counts, &shares.iter().map(|share| share * sum).collect::<Vec<_>>());
    }
}
