//! What the checks need of the model, computed once.

use crate::model::{Model, Window};
use crate::tables::{active_probability, minutes_limits};

/// A model as the checks read it.
#[derive(Debug)]
pub(super) struct Facts {
    pub model: Model,
    pub window: Window,
    pub plans: Vec<PlanFacts>,
    /// Mean share of usage logs that survive a day, and the standard deviation of the days' shares.
    pub survival: Survival,
    pub interval_days: i32,
    pub jitter_days: i32,
    /// By day of the window: which signup month it lies in, from 0.
    pub months: Vec<usize>,
}

/// What becomes of usage logs on a day, over all days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Survival {
    pub mean: f64,
    pub sd: f64,
}

impl Survival {
    /// Of the truth, where no log is lost.
    pub const WHOLE: Self = Self { mean: 1.0, sd: 0.0 };

    /// The variance of a number of rows, of which `active` is the sum of the probabilities of being active and
    /// `squares` that of their squares.
    pub fn variance(self, active: f64, squares: f64) -> f64 {
        self.mean * active - self.mean.powi(2) * squares
    }

    /// The part of that which rows have of their own, apart from the days' shared loss rates.
    pub fn own_variance(self, active: f64, squares: f64) -> f64 {
        active * self.mean - squares * (self.mean * self.mean + self.sd * self.sd)
    }
}

/// A plan as the checks read it.
#[derive(Debug)]
pub(super) struct PlanFacts {
    pub name: String,
    pub share: f64,
    pub price_cents: i128,
    pub mean_sessions: f64,
    pub mean_minutes: f64,
    pub minutes_limits: (i32, i32),
    /// Probability of being active, by age.
    pub active: Vec<f64>,
    /// Sums of the probabilities, and of their squares, over the ages below each.
    pub active_sums: Vec<[f64; 2]>,
}

impl Facts {
    pub fn new(model: Model) -> Self {
        let window = model.window();
        let parameters = model.parameters();
        let plans = parameters.plans.iter().map(|(name, plan)| {
            let active: Vec<f64> = (0..window.days).map(|age| active_probability(&model, plan, age)).collect();
            PlanFacts {
                name: name.clone(),
                share: plan.share,
                price_cents: plan.price_cents(),
                mean_sessions: plan.sessions,
                mean_minutes: plan.minutes,
                minutes_limits: minutes_limits(&model, plan),
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
        Self { plans: plans.collect(), survival, interval_days, jitter_days, months: months(window), window, model }
    }

    pub fn days(&self) -> usize {
        self.window.days as usize
    }

    /// How many calendar months the window has.
    pub fn month_count(&self) -> usize {
        self.months.last().map_or(0, |last| last + 1)
    }
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
        let date = crate::model::date_of(day);
        date.year() * 12 + date.month0() as i32
    };
    window.range().map(|day| (month(day) - month(window.first)) as usize).collect()
}
