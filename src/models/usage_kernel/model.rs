//! What a model gives for its tables `usage_daily` and `usage_truth`.

use super::active_days::ActiveDays;
use super::days::UsageDays;
use super::output_column::OutputColumn;
use super::seeded_usage::SeededUsage;
use crate::models::Day;
use std::fmt::Debug;
use std::ops::Range;

/// A model with a seed, as far as usage needs it.
pub trait UsageModel: Debug + Send + Sync {
    /// Returns the laws of usage with the seed.
    fn usage(&self) -> SeededUsage<'_>;

    /// Returns the factor on activity of a day, counted from the window's first day.
    fn activity_share(&self, day: u32) -> f64;

    /// Returns the share of logs that survived on a day, counted from the window's first day.
    fn surviving_share(&self, day: u32) -> f64;

    /// Returns the active days of the customers in `ids`.
    fn active_days(&self, days: &UsageDays, ids: Range<u64>) -> ActiveDays;

    /// Computes sessions, usage minutes and feature events, for the columns that are asked for.
    fn values<C: OutputColumn<i32>>(&self, active: &ActiveDays, columns: &mut [Option<C>; 3]);

    /// Returns the days for `usage_daily`.
    fn logged_days(&self, days: &Range<Day>) -> UsageDays {
        UsageDays::logged(self.usage().window, days, |day| self.activity_share(day) * self.surviving_share(day))
    }

    /// Returns the days for `usage_truth`.
    fn true_days(&self, days: &Range<Day>) -> UsageDays {
        self.logged_days(days).with_truth(self.usage().window, |day| self.activity_share(day))
    }
}
