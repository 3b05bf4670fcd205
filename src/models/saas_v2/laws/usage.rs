//! The usage of an active day as tables.

use super::super::parameters::{CLASSES, Parameters};
use super::poisson;
use crate::models::usage_kernel::UsageTables;

/// Returns the tables of sessions, by [`usage_class`], and of feature events.
pub fn usage_tables(parameters: &Parameters, intensity: [f64; CLASSES]) -> UsageTables {
    let of_plan = |mean: f64| intensity.map(|factor| poisson::at_least_one(mean * factor));
    let sessions = parameters.plans.values().into_iter().flat_map(|plan| of_plan(plan.sessions)).collect();
    UsageTables::new(sessions, Vec::new(), parameters.usage.events_per_session)
}

/// Returns the class of customers on `plan` with this class of intensity, for usage.
#[inline(always)]
pub fn usage_class(plan: u8, intensity: u8) -> u8 {
    plan * CLASSES as u8 + intensity
}

/// Returns the plan of customers of a [`usage_class`].
#[inline(always)]
pub fn plan_of_usage_class(class: usize) -> usize {
    class / CLASSES
}
