//! The mean and the variance of the number of rows. Both are exact, apart from the rounding of probabilities to multiples
//! of 2^-32.

use super::super::laws::{FREE, Laws};
use super::counts::{Count, CountMoments};
use super::day_factors::RandomFactor;
use super::exposure::{DaySums, Exposure, cycles_in, overlap};
use super::lives::lives;
use super::plan_term::PlanTerm;
use crate::models::{Day, RowsPerCustomer, Table};
use std::ops::Range;

/// All that the distribution of the rows of one table needs, except for the days that are asked for.
#[derive(Debug)]
pub struct RowMoments {
    rows: Rows,
}

/// Where the rows of a table come from.
#[derive(Debug)]
enum Rows {
    /// One for each customer, without a date.
    Undated,
    /// One for each day of the window.
    Calendar,
    /// One for each plan, term and cycle.
    Curves,
    /// One for each customer, on the signup day.
    Customers,
    /// A start, and the events of an end, by cycle.
    Events(Vec<End>),
    /// A number in each cycle.
    InCycles(Box<CountMoments>, Exposure),
}

/// The probabilities that a random customer ends a subscription to a paid plan with a cycle.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    by_decision: f64,
    unpaid: f64,
}

impl RowMoments {
    /// Computes what all ranges of days have in common.
    ///
    /// On one core of an AMD EPYC this takes 0.9 ms for the default window and 30 ms for ten years.
    pub fn new(laws: &Laws, table: Table) -> Self {
        let in_cycles = |count, exposure| Rows::InCycles(Box::new(CountMoments::new(laws, count)), exposure);
        let usage = |factor| {
            let moments = CountMoments::new(laws, Count::ActiveDays);
            let sums = DaySums::new(laws, &moments, factor);
            Rows::InCycles(Box::new(moments), Exposure::Activity(sums))
        };
        let rows = match table.name() {
            "customer_truth" => Rows::Undated,
            "calendar" => Rows::Calendar,
            "customers" => Rows::Customers,
            "subscriptions" => Rows::Events(ends(laws)),
            "usage_daily" => usage(RandomFactor::incident_and_loss(laws)),
            "usage_truth" => usage(RandomFactor::incident(laws)),
            "billing" => in_cycles(Count::Invoices, Exposure::FirstDay),
            "support" => in_cycles(Count::Tickets, Exposure::ShareOfDays),
            "cycles_truth" => in_cycles(Count::Cycles, Exposure::FirstDay),
            _ => Rows::Curves,
        };
        Self { rows }
    }

    /// Returns the distribution of the number of rows that a random customer has in `days`, or a section of a table
    /// without customers. `laws` are those of [`Self::new`].
    ///
    /// It is the one before the seed is known. So it averages over the loss rates and incidents of the days, and two
    /// customers who share them are correlated.
    ///
    /// On one core of an AMD EPYC this takes 0.09 ms for the default window, and 10 ms for ten years. One day of ten years
    /// takes 0.2 ms.
    pub fn in_days(&self, laws: &Laws, days: &Range<Day>) -> RowsPerCustomer {
        let (first, window_days) = (laws.window().first, laws.cycles.days());
        let number = |day: Day| day.saturating_sub(first).clamp(0, window_days as Day) as u32;
        let asked = number(days.start)..number(days.end);
        match &self.rows {
            Rows::Undated => RowsPerCustomer::exactly(1),
            Rows::Calendar => RowsPerCustomer::exactly(asked.len() as u64),
            Rows::Curves => RowsPerCustomer::exactly((PlanTerm::ALL.len() * laws.cycles.months()) as u64),
            _ if asked.is_empty() => RowsPerCustomer::exactly(0),
            // The sum of all weights would differ from 1 by rounding.
            Rows::Customers if asked == (0..window_days) => RowsPerCustomer::exactly(1),
            Rows::Customers => over_signups(laws, &asked, 0.0, |signup| {
                let rows = one_if(asked.contains(&signup));
                (rows, rows)
            }),
            Rows::Events(ends) => over_signups(laws, &asked, 0.0, |signup| events(ends, laws, signup, &asked)),
            Rows::InCycles(moments, exposure) => {
                let mut sums = ProductSums::default();
                let covariance = exposure.covariance(&asked);
                over_signups(laws, &asked, covariance, |signup| {
                    sums.rows_in_cycles(moments, exposure, laws, signup, &asked)
                })
            }
        }
    }
}

/// Returns the distribution over all signup days before the end of `asked`. `of_signup` gives the mean and the mean square
/// for a signup day.
fn over_signups(
    laws: &Laws,
    asked: &Range<u32>,
    covariance: f64,
    mut of_signup: impl FnMut(u32) -> (f64, f64),
) -> RowsPerCustomer {
    let (mut mean, mut squares) = (0.0, 0.0);
    for (signup, weight) in (0..asked.end).zip(&laws.signup_weights) {
        let (own_mean, own_squares) = of_signup(signup);
        mean += weight * own_mean;
        squares += weight * own_squares;
    }
    RowsPerCustomer::new(mean, (squares - mean * mean).max(0.0), covariance)
}

/// Returns the probabilities of an end by cycle. Free ends without a row.
fn ends(laws: &Laws) -> Vec<End> {
    let mut ends = vec![End::default(); laws.cycles.months()];
    for of in PlanTerm::ALL.into_iter().filter(|of| of.plan != FREE) {
        let share = of.share(laws);
        for (end, odds) in ends.iter_mut().zip(lives(laws, of)) {
            let [by_decision @ .., unpaid] = odds.ends;
            end.by_decision += share * by_decision.iter().sum::<f64>();
            end.unpaid += share * unpaid;
        }
    }
    ends
}

/// Returns mean and mean square of the number of events of a customer who signed up on day `signup`.
///
/// A life has one end at most, so the ends of different cycles exclude each other.
fn events(ends: &[End], laws: &Laws, signup: u32, asked: &Range<u32>) -> (f64, f64) {
    let is_asked = |day: u32| one_if(asked.contains(&day));
    let (mut mean, mut squares) = (0.0, 0.0);
    for days in cycles_in(laws, signup, asked) {
        let End { by_decision, unpaid } = ends[days.number];
        if days.end <= laws.cycles.days() {
            let cancels = overlap(asked, days.first, days.end) / f64::from(days.end - days.first);
            let ends = is_asked(days.end - 1);
            mean += by_decision * (cancels + ends);
            squares += by_decision * (cancels + ends + 2.0 * cancels * ends);
        }
        let ends = is_asked(days.unpaid_end - 1);
        mean += unpaid * ends;
        squares += unpaid * ends;
    }
    let starts = is_asked(signup);
    (starts + mean, starts + 2.0 * starts * mean + squares)
}

fn one_if(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// For each cycle of a customer, the sum over earlier cycles of their exposure x the mean product with the cycle.
#[derive(Debug, Default)]
struct ProductSums {
    whole: Vec<f64>,
    unpaid: Vec<f64>,
}

impl ProductSums {
    /// Returns mean and mean square of the number of rows of a customer who signed up on day `signup`.
    fn rows_in_cycles(
        &mut self,
        moments: &CountMoments,
        exposure: &Exposure,
        laws: &Laws,
        signup: u32,
        asked: &Range<u32>,
    ) -> (f64, f64) {
        for sums in [&mut self.whole, &mut self.unpaid] {
            sums.clear();
            sums.resize(moments.mean.len(), 0.0);
        }
        let (mut mean, mut squares) = (0.0, 0.0);
        for days in cycles_in(laws, signup, asked) {
            let number = days.number;
            let [(whole, whole_squares), (unpaid, unpaid_squares)] =
                [days.end, days.unpaid_end].map(|end| exposure.of(&days, end, asked));
            let own = moments.mean[number].whole * whole + moments.mean[number].unpaid * unpaid;
            let same = moments.same[number];
            mean += own;
            squares += own
                + same.whole * (whole * whole - whole_squares)
                + same.unpaid * (unpaid * unpaid - unpaid_squares)
                + 2.0 * (self.whole[number] * whole + self.unpaid[number] * unpaid);
            let later = &moments.later[number];
            for (sums, products) in [(&mut self.whole, &later.whole), (&mut self.unpaid, &later.unpaid)] {
                for (sum, product) in sums[number + 1..].iter_mut().zip(products) {
                    *sum += whole * product;
                }
            }
        }
        (mean, squares)
    }
}
