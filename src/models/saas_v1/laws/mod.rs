//! The laws of a model as tables of whole-number thresholds. They are built once and read by every draw.

use super::parameters::{Parameters, Plan, Shares, Support, Usage};
use crate::models::Window;
use crate::models::usage_kernel::{AGES_PER_GROUP, UsageTables};
use crate::random::{AliasTable, distributions, threshold};

/// The tables that turn random words into values.
///
/// They take about 1.8 MB for `saas-v1`, and about 3 ms to build.
#[derive(Debug)]
pub struct Laws {
    parameters: Parameters,
    window: Window,
    /// The index of the plan.
    pub(super) plan: AliasTable,
    /// The index of the region.
    pub(super) region: AliasTable,
    /// The laws that differ between plans, by plan.
    pub(super) plans: Vec<PlanLaws>,
    /// Sessions and usage minutes, by plan, and feature events.
    pub(super) usage: UsageTables,
    /// The index of the payment status.
    pub(super) status: AliasTable,
    /// The number of support tickets, by tenure in days.
    pub(super) tickets: Vec<AliasTable>,
    /// The index of the category.
    pub(super) category: AliasTable,
    /// The index of the priority.
    pub(super) priority: AliasTable,
}

/// The laws of one plan.
#[derive(Debug)]
pub(super) struct PlanLaws {
    /// The threshold below which a word means that the customer is active, by age in days. Zeros fill it up to a
    /// multiple of [`AGES_PER_GROUP`], and one group more.
    pub active: Vec<u32>,
    /// The upper 16 bits of `active`.
    pub active_upper: Vec<u16>,
    /// The probability of being active, by age in days.
    pub retention: Vec<f64>,
    pub price_cents: i128,
}

impl Laws {
    /// Builds the tables of checked `parameters`, whose window is `window`.
    pub(super) fn new(parameters: Parameters, window: Window) -> Self {
        let days = window.days;
        let of_shares = |shares: &Shares| AliasTable::new(0, &shares.values().copied().collect::<Vec<_>>());
        let plan_shares: Vec<f64> = parameters.plans.values().map(|plan| plan.share).collect();
        let plans = parameters.plans.values().map(|plan| PlanLaws::new(&parameters, plan, days)).collect();
        let sessions = parameters.plans.values().map(|plan| distributions::poisson(plan.sessions)).collect();
        let minutes = parameters.plans.values().map(|plan| minutes_table(&parameters.usage, plan)).collect();
        Self {
            plan: AliasTable::new(0, &plan_shares),
            region: of_shares(&parameters.regions),
            usage: UsageTables::new(sessions, minutes, parameters.usage.events_per_session),
            plans,
            status: of_shares(&parameters.billing.status),
            tickets: (0..days)
                .map(|tenure| distributions::poisson(mean_tickets(&parameters.support, tenure)))
                .collect(),
            category: of_shares(&parameters.support.category),
            priority: of_shares(&parameters.support.priority),
            parameters,
            window,
        }
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the days that a data set covers.
    pub fn window(&self) -> Window {
        self.window
    }
}

impl PlanLaws {
    fn new(parameters: &Parameters, plan: &Plan, days: u32) -> Self {
        let retention: Vec<f64> = (0..days).map(|age| active_probability(parameters, plan, age)).collect();
        let mut active: Vec<u32> = retention.iter().map(|&probability| threshold(probability)).collect();
        active.resize((days as usize).next_multiple_of(AGES_PER_GROUP) + AGES_PER_GROUP, 0);
        Self {
            active_upper: active.iter().map(|&threshold| (threshold >> 16) as u16).collect(),
            active,
            retention,
            price_cents: plan.price_cents(),
        }
    }
}

/// Returns the probability that a customer of `plan` is active `age` days after signup: the retention curve.
pub fn active_probability(parameters: &Parameters, plan: &Plan, age: u32) -> f64 {
    plan.active_share * libm::exp(-f64::from(age) / parameters.retention.decay_days)
}

fn minutes_table(usage: &Usage, plan: &Plan) -> AliasTable {
    let (lowest, highest) = minutes_limits(usage, plan);
    distributions::rounded_normal(plan.minutes, plan.minutes * usage.minutes_sd, lowest, highest)
}

/// Returns the least and the most usage minutes of an active day on `plan`.
pub fn minutes_limits(usage: &Usage, plan: &Plan) -> (i32, i32) {
    let reach = usage.minutes_sd * usage.minutes_clamp * plan.minutes;
    // A limit that is a whole number in decimal can be off by an ulp in binary: 3 x 0.3 x 60 is just under 54.
    const SLACK: f64 = 1e-9;
    let lowest = (plan.minutes - reach - SLACK).ceil().max(0.0);
    (lowest as i32, (plan.minutes + reach + SLACK).floor() as i32)
}

/// Returns the mean number of support tickets of a customer who signed up `tenure` days before the window's last day.
pub fn mean_tickets(support: &Support, tenure: u32) -> f64 {
    let months = f64::from(tenure) / support.days_per_month;
    support.tickets_per_month * months.clamp(support.months_min, support.months_max)
}
