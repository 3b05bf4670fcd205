//! Dates as numbers of days. Internally, every date is the number of days since 1970-01-01, as in Arrow's Date32.

use chrono::{Datelike, Months, NaiveDate};
use std::ops::Range;

/// A date, as the number of days since 1970-01-01.
pub type Day = i32;

/// The days that a data set covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first day.
    pub first: Day,
    /// The number of days, at least 28.
    pub days: u32,
}

impl Window {
    /// Returns the window of `months` calendar months from `start`, which is the first day of a month.
    ///
    /// Returns `None` if the window ends after the last date of `chrono`.
    pub fn of_months(start: NaiveDate, months: u32) -> Option<Self> {
        let end = start.checked_add_months(Months::new(months))?;
        Some(Self { first: day_of(start), days: u32::try_from((end - start).num_days()).ok()? })
    }

    /// Returns the last day.
    pub fn last(&self) -> Day {
        self.first + self.days as Day - 1
    }

    /// Returns the days as a half-open range.
    pub fn range(&self) -> Range<Day> {
        self.first..self.first + self.days as Day
    }
}

/// Converts `date` to a number of days since 1970-01-01.
pub fn day_of(date: NaiveDate) -> Day {
    date.num_days_from_ce() - EPOCH_DAYS_FROM_CE
}

/// Converts a number of days since 1970-01-01 to a date. Days after the last date of `chrono`, in 262,000 years, give
/// that date.
pub fn date_of(day: Day) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day.saturating_add(EPOCH_DAYS_FROM_CE)).unwrap_or(NaiveDate::MAX)
}

/// The number of 1970-01-01 if 0001-01-01 is day 1.
const EPOCH_DAYS_FROM_CE: i32 = 719_163;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_window_has_550_days_and_ends_in_2024() {
        let window = Window::of_months(NaiveDate::from_ymd_opt(2023, 7, 1).unwrap(), 18).unwrap();
        assert_eq!(window, Window { first: 19_539, days: 550 });
        assert_eq!(date_of(window.last()).to_string(), "2024-12-31");
        assert_eq!(window.range().len(), 550);
    }

    #[test]
    fn day_of_and_date_of_are_inverse() {
        for day in [-25_567, -1, 0, 1, 19_539, 20_088, 84_000] {
            assert_eq!(day_of(date_of(day)), day);
        }
        assert_eq!(date_of(0).to_string(), "1970-01-01");
    }
}
