//! Tests with truth: each event against the probability that `cycles_truth` states for it.
//!
//! Each probability holds given all that came before. So the sum over events of (happened - p) has the mean 0, and the
//! sum of p (1 - p) is its variance.

use super::support::add_counts;
use crate::models::saas_v2::{PlanTerm, REASONS};
use crate::verify::saas_v2::aggregates::{Scores, TruthAggregates};
use crate::verify::saas_v2::derived_model::{CLASSES, DerivedModel, STATES};
use crate::verify::saas_v2::terms::plan_term_name;
use crate::verify::statistics::{ChiSquare, Outcome, poisson};

pub fn test(model: &DerivedModel, truth: &TruthAggregates, add: &mut impl FnMut(String, Outcome)) {
    let plans = model.plan_names();
    let classes: Vec<String> = (1..=CLASSES).map(|class| format!("frailty class {class}")).collect();
    let mut strata = |what: &str, scores: &Scores, names: &[&str]| {
        for (stratum, name) in names.iter().enumerate() {
            add(format!("{what}, {name}"), scores.outcome(stratum));
        }
    };
    strata("ends given p_end", &truth.ends_by_plan, &plans);
    strata("ends given p_end", &truth.ends_by_term, &["monthly", "annual"]);
    strata("ends given p_end", &truth.ends_by_engagement, &model.engagement_names());
    strata("ends given p_end", &truth.ends_by_frailty, &classes.iter().map(String::as_str).collect::<Vec<_>>());
    strata("ends given p_end", &truth.ends_by_channel, &model.channel_names());
    let tickets = ["0 problem tickets", "1 problem ticket", "2 problem tickets", "3 or more problem tickets"];
    strata("ends given p_end", &truth.ends_by_tickets, &tickets);
    strata("ends given p_end", &truth.ends_by_recovery, &["no failed payment", "a recovered payment"]);
    let plan_terms = PlanTerm::ALL.map(|of| plan_term_name(plans, of));
    for (plan, name) in plans.iter().enumerate() {
        for (reason, reason_name) in REASONS[..STATES].iter().enumerate() {
            add(format!("reason {reason_name}, {name}"), truth.reasons.outcome(plan * STATES + reason));
        }
    }
    for (index, name) in plan_terms.iter().enumerate().skip(1) {
        for (repeat, which) in ["after a success", "after a failure"].into_iter().enumerate() {
            add(format!("failed attempts {which}, {name}"), truth.failures.outcome(index * 2 + repeat));
        }
        add(format!("recovered attempts, {name}"), truth.recoveries.outcome(index));
    }
    for (plan, name) in plans.iter().enumerate() {
        let start = model.plan(plan as u8).start.values().map(|&share| share);
        add(format!("engagement at the start, {name}"), one(truth.starts.row(plan), &scaled(start)));
    }
    let states = model.parameters().engagement.values();
    for ((state, name), counts) in states.into_iter().zip(model.engagement_names()).zip(truth.transitions.rows()) {
        let next = state.next.values().map(|&share| share);
        add(format!("engagement after {name}"), one(counts, &scaled(next)));
    }
    for (plan, name) in plans.iter().enumerate() {
        let mut test = ChiSquare::default();
        for (engagement, state) in states.iter().enumerate() {
            let counts = truth.problem_tickets.row(plan * STATES + engagement);
            let mean = model.plan(plan as u8).problem_tickets * state.problem_tickets;
            add_counts(&mut test, counts, &poisson(mean, counts.len()));
        }
        add(format!("problem tickets given engagement, {name}"), test.outcome());
    }
}

fn one(counts: &[u64], shares: &[f64]) -> Outcome {
    let mut test = ChiSquare::default();
    add_counts(&mut test, counts, shares);
    test.outcome()
}

fn scaled(shares: [f64; STATES]) -> [f64; STATES] {
    let total: f64 = shares.iter().sum();
    shares.map(|share| share / total)
}
