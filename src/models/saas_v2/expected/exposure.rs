//! How many days of each cycle a customer is served and asked for, and how active these days are.

use super::super::laws::Laws;
use super::counts::CountMoments;
use super::day_factors::{RandomFactor, fixed_factors};
use std::ops::Range;

/// The days of a cycle, counted from the window's first day.
pub(super) struct CycleDays {
    /// The number of the cycle.
    pub number: usize,
    /// The first day.
    pub first: u32,
    /// The day after the last day, which can be after the window.
    pub end: u32,
    /// The day after the last day of service if the payment of the cycle never comes.
    pub unpaid_end: u32,
}

/// What the number of rows in a cycle is proportional to.
#[derive(Debug)]
pub(super) enum Exposure {
    /// 1 if the cycle's first day is asked for.
    FirstDay,
    /// The share of the cycle's days that are served and asked for.
    ShareOfDays,
    /// The sum of the factors of the days that are served and asked for.
    Activity(DaySums),
}

/// Sums over the days of the window before each day.
#[derive(Debug)]
pub(super) struct DaySums {
    /// Of the mean factor on activity.
    factors: Vec<f64>,
    /// Of its square.
    squares: Vec<f64>,
    /// Of the covariance between the rows of two customers.
    covariance: Vec<f64>,
}

/// Returns the cycles of a customer who signed up on day `signup`, as far as they have days in `asked`. These are days of
/// the window, and some are not before the signup.
pub(super) fn cycles_in(laws: &Laws, signup: u32, asked: &Range<u32>) -> impl Iterator<Item = CycleDays> {
    let cycles = &laws.cycles;
    let grace = laws.parameters().billing.grace as u32;
    let of = cycles.signup(signup);
    let first = cycles.cycle_of(of, asked.start.max(signup));
    let last = cycles.cycle_of(of, asked.end - 1);
    (first..=last).map(move |number| {
        let first = cycles.anniversary(of, number);
        CycleDays { number, first, end: cycles.anniversary(of, number + 1), unpaid_end: first + grace + 1 }
    })
}

/// Returns the number of days from `start` to before `end` that are asked for.
pub(super) fn overlap(asked: &Range<u32>, start: u32, end: u32) -> f64 {
    f64::from(asked.end.min(end).saturating_sub(asked.start.max(start)))
}

impl Exposure {
    /// Returns the exposure of a cycle with service before `end`, and the same sum with the factor of each day squared.
    ///
    /// A day of activity has one row at most, so its variance needs the second sum. In other tables it is 0.
    pub fn of(&self, days: &CycleDays, end: u32, asked: &Range<u32>) -> (f64, f64) {
        match self {
            Self::FirstDay => (f64::from(u8::from(asked.contains(&days.first))), 0.0),
            Self::ShareOfDays => (overlap(asked, days.first, end) / f64::from(days.end - days.first), 0.0),
            Self::Activity(sums) => {
                let served = asked.start.max(days.first)..asked.end.min(end);
                if served.is_empty() {
                    return (0.0, 0.0);
                }
                (over(&sums.factors, &served), over(&sums.squares, &served))
            }
        }
    }

    /// Returns the covariance between the rows of two customers on the days asked for.
    pub fn covariance(&self, asked: &Range<u32>) -> f64 {
        match self {
            Self::FirstDay | Self::ShareOfDays => 0.0,
            Self::Activity(sums) => over(&sums.covariance, asked),
        }
    }
}

impl DaySums {
    /// `moments` are those of the active days, and `random` is the factor of a day that the seed gives.
    pub fn new(laws: &Laws, moments: &CountMoments, random: RandomFactor) -> Self {
        let fixed = fixed_factors(laws);
        let sums = |of_day: &dyn Fn(usize) -> f64| {
            let mut sum = 0.0;
            let to_day_end = (0..fixed.len()).map(|day| {
                sum += of_day(day);
                sum
            });
            std::iter::once(0.0).chain(to_day_end).collect::<Vec<f64>>()
        };
        let square = |x: f64| x * x;
        let active = active_shares(laws, moments);
        Self {
            factors: sums(&|day| random.mean * fixed[day]),
            squares: sums(&|day| square(random.mean * fixed[day])),
            covariance: sums(&|day| random.variance * square(active[day] * fixed[day])),
        }
    }
}

/// Returns the sum over `days` of the window, of which there is at least one.
fn over(sums: &[f64], days: &Range<u32>) -> f64 {
    sums[days.end as usize] - sums[days.start as usize]
}

/// Returns the share of all customers who would be active on each day if the factor of each day were 1.
fn active_shares(laws: &Laws, moments: &CountMoments) -> Vec<f64> {
    let window_days = laws.cycles.days();
    let mut changes = vec![0.0; window_days as usize + 1];
    for (signup, weight) in (0..).zip(&laws.signup_weights) {
        for days in cycles_in(laws, signup, &(0..window_days)) {
            let mean = moments.mean[days.number];
            changes[days.first as usize] += weight * (mean.whole + mean.unpaid);
            changes[days.end.min(window_days) as usize] -= weight * mean.whole;
            changes[days.unpaid_end.min(window_days) as usize] -= weight * mean.unpaid;
        }
    }
    let mut active = 0.0;
    let of_day = |change: &f64| {
        active += change;
        active
    };
    changes[..window_days as usize].iter().map(of_day).collect()
}
