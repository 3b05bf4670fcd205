//! Figures that are derived from the model once and used by many checks.

use crate::models::saas_v1::{Laws, Parameters, Shares, active_probability, minutes_limits};
use crate::models::{Model, Window};

/// A model with figures derived from it.
#[derive(Debug)]
pub struct DerivedModel {
    pub source: Model,
    pub parameters: Parameters,
    pub window: Window,
    pub plans: Vec<DerivedPlan>,
    pub survival: Survival,
    pub interval_days: i32,
    pub jitter_days: i32,
    /// The month of each day of the window, counted from 0.
    pub months: Vec<usize>,
}

/// The share of a day's usage logs that are not lost: its mean and standard deviation over days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Survival {
    pub mean: f64,
    pub sd: f64,
}

impl Survival {
    /// The survival of `usage_truth`, where no log is lost.
    pub const WHOLE: Self = Self { mean: 1.0, sd: 0.0 };

    /// Returns the variance of a number of rows. `active` is the sum of the probabilities of being active, `squares`
    /// the sum of their squares.
    pub fn variance(self, active: f64, squares: f64) -> f64 {
        self.mean * active - self.mean.powi(2) * squares
    }

    /// Returns the variance of a number of rows without the part that comes from the days' shared loss rates.
    pub fn own_variance(self, active: f64, squares: f64) -> f64 {
        active * self.mean - squares * (self.mean * self.mean + self.sd * self.sd)
    }
}

/// A plan with figures derived from it.
#[derive(Debug)]
pub struct DerivedPlan {
    pub name: String,
    pub share: f64,
    pub price_cents: i128,
    pub mean_sessions: f64,
    pub mean_minutes: f64,
    pub minutes_limits: (i32, i32),
    /// The probability of being active, by days since signup.
    pub active: Vec<f64>,
    /// For each age, the sums of the probabilities and of their squares over all ages below it.
    pub active_sums: Vec<[f64; 2]>,
}

impl DerivedModel {
    /// Derives the figures of `source`, whose laws are `laws`.
    pub fn new(source: Model, laws: &Laws) -> Self {
        let window = source.window();
        let parameters = laws.parameters().clone();
        let plans = parameters.plans.iter().map(|(name, plan)| {
            let active: Vec<f64> = (0..window.days).map(|age| active_probability(&parameters, plan, age)).collect();
            DerivedPlan {
                name: name.clone(),
                share: plan.share,
                price_cents: plan.price_cents(),
                mean_sessions: plan.sessions,
                mean_minutes: plan.minutes,
                minutes_limits: minutes_limits(&parameters.usage, plan),
                active_sums: sums(&active),
                active,
            }
        });
        let logs = &parameters.logs;
        let survival = Survival {
            mean: 1.0 - (logs.loss_min + logs.loss_max) / 2.0,
            sd: (logs.loss_max - logs.loss_min) / 12.0_f64.sqrt(),
        };
        let (interval_days, jitter_days) =
            (parameters.billing.interval_days as i32, parameters.billing.jitter_days as i32);
        let plans = plans.collect();
        Self { plans, survival, interval_days, jitter_days, months: months(window), window, parameters, source }
    }

    /// Returns the number of days of the window.
    pub fn days(&self) -> usize {
        self.window.days as usize
    }

    /// Returns the number of calendar months of the window.
    pub fn month_count(&self) -> usize {
        self.months.last().map_or(0, |last| last + 1)
    }

    /// Adds up counts by day of the window to counts by month.
    pub fn by_month(&self, by_day: &[u64]) -> Vec<u64> {
        let mut months = vec![0; self.month_count()];
        by_day.iter().zip(&self.months).for_each(|(count, &month)| months[month] += count);
        months
    }
}

/// The shares of a list of the model, in its order.
pub fn share_values(shares: &Shares) -> Vec<f64> {
    shares.values().copied().collect()
}

fn sums(active: &[f64]) -> Vec<[f64; 2]> {
    let running = active.iter().scan([0.0; 2], |sums, probability| {
        *sums = [sums[0] + probability, sums[1] + probability * probability];
        Some(*sums)
    });
    [[0.0; 2]].into_iter().chain(running).collect()
}

fn months(window: Window) -> Vec<usize> {
    use chrono::Datelike;
    let month = |day| {
        let date = crate::models::date_of(day);
        date.year() * 12 + date.month0() as i32
    };
    window.range().map(|day| (month(day) - month(window.first)) as usize).collect()
}
