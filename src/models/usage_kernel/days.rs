//! The calendar days of a scan, with the factors that all customers share.

use super::age_group::AGES_PER_GROUP;
use crate::models::{Day, Window};
use std::ops::Range;

/// The share 1 in fixed point.
pub const WHOLE: u64 = 1 << 31;

/// The days that a scan asks for, with their shares.
#[derive(Debug)]
pub struct UsageDays {
    /// The days, counted from the window's first day.
    pub asked: Range<u32>,
    /// The factor of a day on activity, times the share of logs that survived.
    pub surviving: Shares,
    /// The factor of a day on activity. Only `usage_truth` has it.
    pub existing: Option<Shares>,
}

/// A share for each day, counted from the window's first day.
///
/// The share is 0 on days that are not asked for. [`AGES_PER_GROUP`] more zeros follow the window, so a group of ages
/// never reaches past the end.
#[derive(Debug)]
pub struct Shares {
    /// The share times [`WHOLE`].
    pub exact: Vec<u32>,
    /// The share times 2^16, rounded down: at most 2^-16 below the share.
    pub upper: Vec<u16>,
}

impl UsageDays {
    /// Returns the days of `window` that are in `days`, for `usage_daily`, which has the rows whose log survived.
    ///
    /// `surviving` gives the share of a day, counted from the window's first day.
    pub fn logged(window: Window, days: &Range<Day>, surviving: impl Fn(u32) -> f64) -> Self {
        let days = days.start.max(window.first)..days.end.min(window.range().end);
        let asked =
            if days.is_empty() { 0..0 } else { (days.start - window.first) as u32..(days.end - window.first) as u32 };
        Self { surviving: Shares::new(window, &asked, surviving), asked, existing: None }
    }

    /// Returns the same days for `usage_truth`, which has all rows and whether their log survived.
    ///
    /// `existing` gives the share of a day if no log were lost.
    pub fn with_truth(self, window: Window, existing: impl Fn(u32) -> f64) -> Self {
        Self { existing: Some(Shares::new(window, &self.asked, existing)), ..self }
    }
}

impl Shares {
    fn new(window: Window, asked: &Range<u32>, share_of_day: impl Fn(u32) -> f64) -> Self {
        let share = |day| if asked.contains(&day) { (share_of_day(day) * WHOLE as f64).round() as u32 } else { 0 };
        let exact: Vec<u32> = (0..window.days + AGES_PER_GROUP as u32).map(share).collect();
        Self { upper: exact.iter().map(|&share| (share >> 15).min(u32::from(u16::MAX)) as u16).collect(), exact }
    }
}
