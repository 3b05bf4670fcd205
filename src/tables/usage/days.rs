//! The calendar days of a scan, and the share of logs that survived each.

use super::GROUP;
use crate::model::Day;
use crate::random::{Address, ONE, Purpose};
use crate::tables::DataSet;
use std::ops::Range;

/// The fixed-point 1 of the share of logs that survive a day.
pub(super) const WHOLE: u64 = 1 << 31;

/// What a scan needs to know of the days: which are asked for, and the share of logs that survived each.
#[derive(Debug)]
pub(in crate::tables) struct UsageDays {
    /// Asked for, counted from the window's first day.
    pub(super) asked: Range<u32>,
    /// What survived of each day.
    pub(super) surviving: Shares,
    /// As `surviving` with no log lost; only for the truth.
    pub(super) existing: Option<Shares>,
}

/// By day from the window's first: how much of [`WHOLE`] there is. Days not asked for have none, nor has a group of
/// days beyond the window, so that a group of ages never runs off the end.
#[derive(Debug)]
pub(super) struct Shares {
    pub exact: Vec<u32>,
    /// The 16 bits from 1/2 on, cut off: at most 2^-16 less than the share.
    pub upper: Vec<u16>,
}

impl Shares {
    fn new(exact: Vec<u32>) -> Self {
        Self { upper: exact.iter().map(|&share| (share >> 15).min(u32::from(u16::MAX)) as u16).collect(), exact }
    }
}

impl UsageDays {
    /// The rows whose logs survived.
    pub fn logged(data_set: &DataSet, days: &Range<Day>) -> Self {
        let window = data_set.model().window();
        let asked =
            if days.is_empty() { 0..0 } else { (days.start - window.first) as u32..(days.end - window.first) as u32 };
        let surviving = |day| surviving_share(data_set, window.first + day as Day);
        Self { surviving: shares(data_set, &asked, surviving), asked, existing: None }
    }

    /// All rows, with which of them survived.
    pub fn truth(data_set: &DataSet, days: &Range<Day>) -> Self {
        let logged = Self::logged(data_set, days);
        Self { existing: Some(shares(data_set, &logged.asked, |_| WHOLE as u32)), ..logged }
    }
}

fn shares(data_set: &DataSet, asked: &Range<u32>, of_day: impl Fn(u32) -> u32) -> Shares {
    let days = data_set.model().window().days + GROUP as u32;
    Shares::new((0..days).map(|day| if asked.contains(&day) { of_day(day) } else { 0 }).collect())
}

/// The share of `day`'s logs that survive, of [`WHOLE`].
fn surviving_share(data_set: &DataSet, day: Day) -> u32 {
    let logs = &data_set.model().parameters().logs;
    let address = Address { customer: 0, item: day as u32, purpose: Purpose::LossRate };
    let [word, ..] = address.words(data_set.seed());
    let loss = logs.loss_min + (logs.loss_max - logs.loss_min) * (f64::from(word) + 0.5) / ONE as f64;
    ((1.0 - loss) * WHOLE as f64).round() as u32
}
