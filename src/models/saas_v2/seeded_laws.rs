//! A data set: the laws of the model, a seed, and the calendar that the seed gives.

use super::calendar::CalendarDay;
use super::laws::Laws;
use crate::random::philox::RoundKeys;
use std::sync::Arc;

/// A data set. It determines every value of every table, for any number of customers.
#[derive(Debug, Clone)]
pub struct SeededLaws {
    laws: Arc<Laws>,
    seed: u64,
    round_keys: Arc<RoundKeys>,
    calendar: Arc<Vec<CalendarDay>>,
}

impl SeededLaws {
    /// Returns the data set of these laws and this seed.
    pub fn new(laws: Arc<Laws>, seed: u64) -> Self {
        let calendar = (0..laws.cycles.days()).map(|day| CalendarDay::new(&laws, seed, day)).collect();
        Self { laws, seed, round_keys: Arc::new(RoundKeys::new(seed)), calendar: Arc::new(calendar) }
    }

    /// Returns the laws that the values follow.
    pub fn laws(&self) -> &Laws {
        &self.laws
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the days of the window.
    pub fn calendar(&self) -> &[CalendarDay] {
        &self.calendar
    }

    /// Returns the seed's keys for all rounds of Philox.
    pub(super) fn round_keys(&self) -> &RoundKeys {
        &self.round_keys
    }
}
