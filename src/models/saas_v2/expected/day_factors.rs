//! The factors of the days on activity, as far as they are known without a seed.

use super::super::calendar::CalendarDay;
use super::super::laws::Laws;
use crate::random::{ONE, threshold};

/// The distribution of the factor that the seed gives a day, the same for all customers. Days are independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RandomFactor {
    pub mean: f64,
    pub variance: f64,
}

/// Returns the product of the factors of weekday and season for each day of the window.
pub(super) fn fixed_factors(laws: &Laws) -> Vec<f64> {
    // No seed changes these two factors.
    let days = (0..laws.cycles.days()).map(|day| CalendarDay::new(laws, 0, day));
    days.map(|day| day.week * day.season).collect()
}

impl RandomFactor {
    /// Returns the factor on activity: that of an incident, or 1.
    pub fn incident(laws: &Laws) -> Self {
        let activity = &laws.parameters().activity;
        let share = f64::from(threshold(activity.incident_share)) / ONE as f64;
        let less = 1.0 - activity.incident;
        Self { mean: 1.0 - share * less, variance: share * (1.0 - share) * less * less }
    }

    /// Returns the factor of an incident times the share of logs that survive. Loss rates are uniform.
    pub fn incident_and_loss(laws: &Laws) -> Self {
        let logs = &laws.parameters().logs;
        let incident = Self::incident(laws);
        let survives = 1.0 - (logs.loss_min + logs.loss_max) / 2.0;
        let spread = logs.loss_max - logs.loss_min;
        let survives = Self { mean: survives, variance: spread * spread / 12.0 };
        Self {
            mean: incident.mean * survives.mean,
            variance: incident.variance * survives.mean_square() + incident.mean * incident.mean * survives.variance,
        }
    }

    fn mean_square(self) -> f64 {
        self.variance + self.mean * self.mean
    }
}
