//! The distributions of the values of an active day.

use crate::verify::saas_v1::derived_model::{DerivedModel, DerivedPlan};
use crate::verify::statistics::{poisson, rounded_normal};

/// Returns the probabilities of the first `values` numbers of sessions of a plan.
pub fn sessions_distribution(plan: &DerivedPlan, values: usize) -> Vec<f64> {
    poisson(plan.mean_sessions, values)
}

/// Returns the probabilities of the first `values` numbers of minutes of a plan.
pub fn minutes_distribution(model: &DerivedModel, plan: &DerivedPlan, values: usize) -> Vec<f64> {
    let sd = plan.mean_minutes * model.parameters.usage.minutes_sd;
    rounded_normal(plan.mean_minutes, sd, plan.minutes_limits, values)
}

/// Returns the probabilities of the first `values` numbers of feature events of a plan. This is a mixture over the
/// first `sessions` numbers of sessions.
pub fn events_distribution(model: &DerivedModel, plan: &DerivedPlan, sessions: usize, values: usize) -> Vec<f64> {
    let mut probabilities = vec![0.0; values];
    for (sessions, share) in poisson(plan.mean_sessions, sessions).into_iter().enumerate() {
        let given = poisson(model.parameters.usage.events_per_session * sessions as f64, values);
        probabilities.iter_mut().zip(given).for_each(|(sum, probability)| *sum += share * probability);
    }
    probabilities
}
