//! The window's days, as numbers. Dates are days since 1970-01-01 (Arrow's Date32) everywhere but at the edges.

use chrono::{Datelike, Months, NaiveDate};
use std::ops::Range;

/// Days since 1970-01-01.
pub type Day = i32;

/// The days that a data set covers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first day.
    pub first: Day,
    /// How many days there are, at least 28.
    pub days: u32,
}

impl Window {
    /// `months` calendar months from `start`, the first of a month. `None` where that leaves the calendar.
    pub fn of_months(start: NaiveDate, months: u32) -> Option<Self> {
        let end = start.checked_add_months(Months::new(months))?;
        Some(Self { first: day_of(start), days: u32::try_from((end - start).num_days()).ok()? })
    }

    /// The last day.
    pub fn last(&self) -> Day {
        self.first + self.days as Day - 1
    }

    /// The window's days, as a half-open range.
    pub fn range(&self) -> Range<Day> {
        self.first..self.first + self.days as Day
    }
}

/// The number of `date`.
pub fn day_of(date: NaiveDate) -> Day {
    date.num_days_from_ce() - EPOCH_DAYS_FROM_CE
}

/// The date with the number `day`; dates beyond chrono's calendar (262,000 years) are clamped to its end.
pub fn date_of(day: Day) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day.saturating_add(EPOCH_DAYS_FROM_CE)).unwrap_or(NaiveDate::MAX)
}

/// 1970-01-01 counted from 0001-01-01, which is day 1.
const EPOCH_DAYS_FROM_CE: i32 = 719_163;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_window_is_550_days_to_the_end_of_2024() {
        let window = Window::of_months(NaiveDate::from_ymd_opt(2023, 7, 1).unwrap(), 18).unwrap();
        assert_eq!(window, Window { first: 19_539, days: 550 });
        assert_eq!(date_of(window.last()).to_string(), "2024-12-31");
        assert_eq!(window.range().len(), 550);
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for day in [-25_567, -1, 0, 1, 19_539, 20_088, 84_000] {
            assert_eq!(day_of(date_of(day)), day);
        }
        assert_eq!(date_of(0).to_string(), "1970-01-01");
    }
}
