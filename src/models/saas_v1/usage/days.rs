//! The calendar days of a scan, and the share of logs that survived on each.

use crate::models::{Day, saas_v1::laws::AGES_PER_GROUP, saas_v1::purposes, saas_v1::seeded_laws::SeededLaws};
use crate::random::{Address, ONE};
use std::ops::Range;

/// The share 1 in fixed point.
pub(super) const WHOLE: u64 = 1 << 31;

/// The days that a scan asks for, with the share of logs that survived on each.
#[derive(Debug)]
pub(in crate::models::saas_v1) struct UsageDays {
    /// The days, counted from the window's first day.
    pub(super) asked: Range<u32>,
    /// The share of logs that survived.
    pub(super) surviving: Shares,
    /// The share of logs if none were lost. Only `usage_truth` has it.
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
        let window = seeded.window();
        let asked =
            if days.is_empty() { 0..0 } else { (days.start - window.first) as u32..(days.end - window.first) as u32 };
        let surviving = |day| surviving_share(seeded, window.first + day as Day);
        Self { surviving: shares(seeded, &asked, surviving), asked, existing: None }
    }

    /// Returns the days for `usage_truth`, which has all rows and whether their log survived.
    pub fn truth(seeded: &SeededLaws, days: &Range<Day>) -> Self {
        let logged = Self::logged(seeded, days);
        Self { existing: Some(shares(seeded, &logged.asked, |_| WHOLE as u32)), ..logged }
    }
}

fn shares(seeded: &SeededLaws, asked: &Range<u32>, share_of_day: impl Fn(u32) -> u32) -> Shares {
    let days = seeded.window().days + AGES_PER_GROUP as u32;
    Shares::new((0..days).map(|day| if asked.contains(&day) { share_of_day(day) } else { 0 }).collect())
}

/// Returns the share of logs of `day` that survive, times [`WHOLE`].
fn surviving_share(seeded: &SeededLaws, day: Day) -> u32 {
    let logs = &seeded.parameters().logs;
    let address = Address { customer: 0, item: day as u32, purpose: purposes::LOSS_RATE };
    let [word, ..] = address.words(seeded.seed());
    let loss = logs.loss_min + (logs.loss_max - logs.loss_min) * (f64::from(word) + 0.5) / ONE as f64;
    ((1.0 - loss) * WHOLE as f64).round() as u32
}
