//! The calendar days of a scan, with the factors that all customers share.

use super::super::laws::AGES_PER_GROUP;
use super::super::seeded_laws::SeededLaws;
use crate::models::Day;
use std::ops::Range;

/// The share 1 in fixed point.
pub(super) const WHOLE: u64 = 1 << 31;

/// The days that a scan asks for, with their factors.
#[derive(Debug)]
pub struct UsageDays {
    /// The days, counted from the window's first day.
    pub(super) asked: Range<u32>,
    /// The factor of a day on activity, times the share of logs that survived.
    pub(super) surviving: Shares,
    /// The factor of a day on activity. Only `usage_truth` has it.
    pub(super) existing: Option<Shares>,
}

/// A share for each day, counted from the window's first day.
///
/// The share is 0 on days that are not asked for. [`AGES_PER_GROUP`] more zeros follow the window, so a group of ages
/// never reaches past the end.
#[derive(Debug)]
pub(super) struct Shares {
    /// The share times [`WHOLE`].
    pub exact: Vec<u32>,
    /// The share times 2^16, rounded down: at most 2^-16 below the share.
    pub upper: Vec<u16>,
}

impl Shares {
    fn new(exact: Vec<u32>) -> Self {
        Self { upper: exact.iter().map(|&share| (share >> 15).min(u32::from(u16::MAX)) as u16).collect(), exact }
    }
}

impl UsageDays {
    /// Returns the days for `usage_daily`, which has the rows whose log survived.
    pub fn logged(seeded: &SeededLaws, days: &Range<Day>) -> Self {
        let window = seeded.laws().window();
        let days = days.start.max(window.first)..days.end.min(window.range().end);
        let asked =
            if days.is_empty() { 0..0 } else { (days.start - window.first) as u32..(days.end - window.first) as u32 };
        let calendar = seeded.calendar();
        let surviving = shares(seeded, &asked, |day| calendar[day].activity() * (1.0 - calendar[day].loss_rate));
        Self { surviving, asked, existing: None }
    }

    /// Returns the days for `usage_truth`, which has all rows and whether their log survived.
    pub fn truth(seeded: &SeededLaws, days: &Range<Day>) -> Self {
        let logged = Self::logged(seeded, days);
        let existing = shares(seeded, &logged.asked, |day| seeded.calendar()[day].activity());
        Self { existing: Some(existing), ..logged }
    }
}

fn shares(seeded: &SeededLaws, asked: &Range<u32>, share_of_day: impl Fn(usize) -> f64) -> Shares {
    let days = seeded.laws().cycles.days() + AGES_PER_GROUP as u32;
    let share = |day| if asked.contains(&day) { (share_of_day(day as usize) * WHOLE as f64).round() as u32 } else { 0 };
    Shares::new((0..days).map(share).collect())
}
