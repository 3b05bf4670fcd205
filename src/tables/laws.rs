//! The model's laws as tables of whole-number thresholds: built once, read by every draw.

use super::usage::{GROUP, NarrowLaws};
use crate::model::{Model, Plan, Shares};
use crate::random::{Alias, laws, threshold};

/// Everything that turns random words into values. About 1.8 MB for `saas-v1`, built in about 3 ms.
#[derive(Debug)]
pub struct Laws {
    model: Model,
    /// Index of the plan.
    pub(super) plan: Alias,
    /// Index of the region.
    pub(super) region: Alias,
    /// By plan.
    pub(super) plans: Vec<PlanLaws>,
    /// Feature events, by sessions.
    pub(super) feature_events: Vec<Alias>,
    /// Sessions, minutes and feature events once more, where they can be looked up in halves.
    pub(super) narrow: Option<NarrowLaws>,
    /// Index of the payment status.
    pub(super) status: Alias,
    /// Tickets, by tenure in days.
    pub(super) tickets: Vec<Alias>,
    /// Index of the category.
    pub(super) category: Alias,
    /// Index of the priority.
    pub(super) priority: Alias,
}

/// What differs between plans.
#[derive(Debug)]
pub(super) struct PlanLaws {
    /// Words below this mean active, by age in days; zeros fill it up to whole groups, and one group more.
    pub active: Vec<u32>,
    /// The upper 16 bits of `active`.
    pub active_upper: Vec<u16>,
    /// The probability of being active, by age in days.
    pub retention: Vec<f64>,
    pub sessions: Alias,
    pub minutes: Alias,
    pub price_cents: i128,
}

impl Laws {
    /// Builds the tables of a checked model.
    pub fn new(model: Model) -> Self {
        let parameters = model.parameters();
        let days = model.window().days;
        let of_shares = |shares: &Shares| Alias::new(0, &shares.values().copied().collect::<Vec<_>>());
        let plan_shares: Vec<f64> = parameters.plans.values().map(|plan| plan.share).collect();
        let plans: Vec<PlanLaws> = parameters.plans.values().map(|plan| PlanLaws::new(&model, plan)).collect();
        let most_sessions = plans.iter().map(|plan| plan.sessions.largest()).max().unwrap_or(0);
        let feature_events: Vec<Alias> = (0..=most_sessions)
            .map(|sessions| laws::poisson(parameters.usage.events_per_session * f64::from(sessions)))
            .collect();
        let (sessions, minutes) = (plans.iter().map(|plan| &plan.sessions), plans.iter().map(|plan| &plan.minutes));
        Self {
            plan: Alias::new(0, &plan_shares),
            region: of_shares(&parameters.regions),
            narrow: NarrowLaws::new(sessions, minutes, &feature_events),
            plans,
            feature_events,
            status: of_shares(&parameters.billing.status),
            tickets: (0..days).map(|tenure| laws::poisson(mean_tickets(&model, tenure))).collect(),
            category: of_shares(&parameters.support.category),
            priority: of_shares(&parameters.support.priority),
            model,
        }
    }

    /// The model that they come from.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

impl PlanLaws {
    fn new(model: &Model, plan: &Plan) -> Self {
        let days = model.window().days;
        let retention: Vec<f64> = (0..days).map(|age| active_probability(model, plan, age)).collect();
        let mut active: Vec<u32> = retention.iter().map(|&probability| threshold(probability)).collect();
        active.resize((days as usize).next_multiple_of(GROUP) + GROUP, 0);
        let (lowest, highest) = minutes_limits(model, plan);
        Self {
            active_upper: active.iter().map(|&threshold| (threshold >> 16) as u16).collect(),
            active,
            retention,
            sessions: laws::poisson(plan.sessions),
            minutes: laws::rounded_normal(
                plan.minutes,
                plan.minutes * model.parameters().usage.minutes_sd,
                lowest,
                highest,
            ),
            price_cents: plan.price_cents(),
        }
    }
}

/// The retention curve: the probability that a customer of `plan` is active `age` days after signup.
pub fn active_probability(model: &Model, plan: &Plan, age: u32) -> f64 {
    plan.active_share * libm::exp(-f64::from(age) / model.parameters().retention.decay_days)
}

/// The least and the most minutes of use on an active day of `plan`.
pub fn minutes_limits(model: &Model, plan: &Plan) -> (i32, i32) {
    let usage = &model.parameters().usage;
    let reach = usage.minutes_sd * usage.minutes_clamp * plan.minutes;
    // A limit that is whole in decimal may miss it by an ulp in binary (3 x 0.3 x 60 is just under 54).
    const SLACK: f64 = 1e-9;
    let lowest = (plan.minutes - reach - SLACK).ceil().max(0.0);
    (lowest as i32, (plan.minutes + reach + SLACK).floor() as i32)
}

/// The mean number of tickets of a customer who signed up `tenure` days before the last day.
pub fn mean_tickets(model: &Model, tenure: u32) -> f64 {
    let support = &model.parameters().support;
    let months = f64::from(tenure) / support.days_per_month;
    support.tickets_per_month * months.clamp(support.months_min, support.months_max)
}
