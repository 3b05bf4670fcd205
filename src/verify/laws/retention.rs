//! How activity falls with age and over the days: counts against the curve.
//!
//! All rows of a day share its loss rate, so counts are not independent where logs are lost. The rate is uniform
//! between known limits; its variance enters the covariance of the counts, which keeps the tests exact at any size.

use crate::verify::facts::{Facts, Survival};
use crate::verify::statistics::{LEAST_EXPECTED, Outcome, TOO_FEW, correlated, interval_reach, squares};
use crate::verify::tally::{Grid, Tally, UsageTally};
use nalgebra::DMatrix;
use serde::Serialize;

/// Cells that a plan's ages are put together into, at most.
const CELLS_PER_PLAN: f64 = 20.0;

/// Points along a retention curve, about.
const POINTS: usize = 40;

/// Excess kurtosis of a uniform law.
const UNIFORM_EXCESS: f64 = -1.2;

/// What the laws of a usage table are judged by.
pub(in crate::verify) struct Activity<'a> {
    pub facts: &'a Facts,
    /// Customers by plan and signup day.
    pub signups: &'a Grid,
    pub usage: &'a UsageTally,
    pub survival: Survival,
}

/// Customer-days of one plan, signup day and age.
pub(super) struct Exposure {
    pub plan: usize,
    pub signup: usize,
    pub age: usize,
    /// Customers x probability of being active: rows before any log is lost.
    pub active: f64,
    /// The same with the probability squared.
    active_squared: f64,
}

impl<'a> Activity<'a> {
    pub fn new(facts: &'a Facts, tally: &'a Tally, usage: &'a UsageTally, survival: Survival) -> Self {
        Self { facts, signups: &tally.signups, usage, survival }
    }

    pub(super) fn exposures(&self) -> impl Iterator<Item = Exposure> {
        let days = self.facts.days();
        self.facts.plans.iter().enumerate().flat_map(move |(plan, law)| {
            let signups = self.signups.row(plan).iter().enumerate().filter(|&(_, &customers)| customers > 0);
            signups.flat_map(move |(signup, &customers)| {
                law.active[..days - signup].iter().enumerate().map(move |(age, &probability)| {
                    let active = customers as f64 * probability;
                    Exposure { plan, signup, age, active, active_squared: active * probability }
                })
            })
        })
    }

    /// The variance of so many rows that they have of their own, apart from the days' shared loss rates.
    pub(super) fn own_variance(&self, exposure: &Exposure) -> f64 {
        self.survival.own_variance(exposure.active, exposure.active_squared)
    }

    /// Rows by plan and age.
    pub fn by_age(&self) -> Outcome {
        let cells = Cells::new(self);
        let mut by_day = DMatrix::<f64>::zeros(cells.count, self.facts.days());
        let mut covariance = DMatrix::<f64>::zeros(cells.count, cells.count);
        for exposure in self.exposures() {
            if let Some(cell) = cells.of(exposure.plan, exposure.age) {
                by_day[(cell, exposure.signup + exposure.age)] += exposure.active;
                covariance[(cell, cell)] += self.own_variance(&exposure);
            }
        }
        let mut residuals = vec![0.0; cells.count];
        for (cell, residual) in residuals.iter_mut().enumerate() {
            *residual = -by_day.row(cell).sum() * self.survival.mean;
        }
        for (plan, counts) in self.usage.by_age.rows().enumerate() {
            for (age, &count) in counts.iter().enumerate() {
                if let Some(cell) = cells.of(plan, age) {
                    residuals[cell] += count as f64;
                }
            }
        }
        covariance += &by_day * by_day.transpose() * self.survival.sd.powi(2);
        correlated(residuals, covariance)
    }

    /// Rows by groups of days: `group` gives the group of a day of the window, and how many groups there are.
    pub fn by_day(&self, group: impl Fn(usize) -> usize, groups: usize) -> Outcome {
        let mut days = vec![(0.0, 0.0); self.facts.days()];
        for exposure in self.exposures() {
            let day = &mut days[exposure.signup + exposure.age];
            day.0 += exposure.active;
            day.1 += self.own_variance(&exposure);
        }
        #[derive(Clone, Default)]
        struct Group {
            residual: f64,
            own: f64,
            shared: f64,
            shared_squared: f64,
        }
        let mut sums = vec![Group::default(); groups];
        for (day, (&(active, own), count)) in days.iter().zip(self.usage.by_day.column_sums()).enumerate() {
            let sum = &mut sums[group(day)];
            let shared = (active * self.survival.sd).powi(2);
            sum.residual += count as f64 - active * self.survival.mean;
            sum.own += own;
            sum.shared += shared;
            sum.shared_squared += shared * shared;
        }
        if sums.iter().any(|sum| sum.own < LEAST_EXPECTED / 2.0) {
            return Err(TOO_FEW.to_string());
        }
        squares(sums.iter().map(|sum| {
            let variance = sum.own + sum.shared;
            (sum.residual / variance.sqrt(), UNIFORM_EXCESS * sum.shared_squared / (variance * variance))
        }))
    }

    /// The groups of neighbouring days whose rows vary enough each: group by day, and their number.
    pub fn day_groups(&self) -> (Vec<usize>, usize) {
        let mut variance = vec![0.0; self.facts.days()];
        for exposure in self.exposures() {
            variance[exposure.signup + exposure.age] += self.own_variance(&exposure);
        }
        let (groups, count) = grouped(&variance, LEAST_EXPECTED);
        (groups, count.max(1))
    }

    /// The retention of a plan, in some forty points.
    pub fn points(&self, plan: usize) -> Vec<RetentionPoint> {
        let days = self.facts.days();
        let ages = days.div_ceil(POINTS);
        let points = days.div_ceil(ages);
        let mut by_day = DMatrix::<f64>::zeros(points, days);
        let mut own = vec![0.0; points];
        for exposure in self.exposures().filter(|exposure| exposure.plan == plan) {
            by_day[(exposure.age / ages, exposure.signup + exposure.age)] += exposure.active;
            own[exposure.age / ages] += self.own_variance(&exposure);
        }
        let reached = reached(self.signups.row(plan));
        let reach = interval_reach();
        let chunks = reached.chunks(ages).zip(self.usage.by_age.row(plan).chunks(ages)).enumerate();
        let points = chunks.filter_map(|(point, (customers, rows))| {
            let exposed = customers.iter().sum::<f64>() * self.survival.mean;
            let expected = by_day.row(point).sum() * self.survival.mean;
            let shared = by_day.row(point).norm_squared() * self.survival.sd.powi(2);
            let sd = (own[point] + shared).sqrt();
            (exposed > 0.0).then(|| RetentionPoint {
                age: (point * ages) as f64 + (customers.len() as f64 - 1.0) / 2.0,
                share: rows.iter().sum::<u64>() as f64 / exposed,
                interval: [(expected - reach * sd).max(0.0) / exposed, (expected + reach * sd) / exposed],
            })
        });
        points.collect()
    }
}

/// The share of a plan's customers that were active, over some ages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RetentionPoint {
    /// The middle of the ages.
    pub age: f64,
    /// Logged rows over the share of logs that survives, over customer-days.
    pub share: f64,
    /// Where the share lies in 99 of 100 right data sets.
    pub interval: [f64; 2],
}

/// Customers that have reached each age by the end of the window.
pub(super) fn reached(signups: &[u64]) -> Vec<f64> {
    let mut sum = 0.0;
    let up_to = signups.iter().map(|&count| {
        sum += count as f64;
        sum
    });
    let mut reached: Vec<f64> = up_to.collect();
    reached.reverse();
    reached
}

/// Puts neighbours together until each group has at least `least`: the group of each, and how many there are. What
/// is left at the end joins the last group.
fn grouped(sizes: &[f64], least: f64) -> (Vec<usize>, usize) {
    let (mut group, mut sum) = (0, 0.0);
    let mut groups: Vec<usize> = Vec::with_capacity(sizes.len());
    for size in sizes {
        groups.push(group);
        sum += size;
        if sum >= least {
            group += 1;
            sum = 0.0;
        }
    }
    groups.iter_mut().for_each(|own| *own = (*own).min(group.saturating_sub(1)));
    (groups, group)
}

/// How plans and ages are put together into cells.
struct Cells {
    by_plan: Vec<Option<Vec<usize>>>,
    count: usize,
}

impl Cells {
    fn new(activity: &Activity<'_>) -> Self {
        let mut count = 0;
        let by_plan = activity.facts.plans.iter().enumerate().map(|(plan, law)| {
            // By what varies: rows that are all but certain tell little.
            let spread = |active: f64| activity.survival.own_variance(active, active * active);
            let reached = reached(activity.signups.row(plan)).into_iter();
            let variance: Vec<f64> =
                reached.zip(&law.active).map(|(customers, &active)| customers * spread(active)).collect();
            let least = (variance.iter().sum::<f64>() / CELLS_PER_PLAN).max(LEAST_EXPECTED);
            let (groups, own) = grouped(&variance, least);
            let first = count;
            count += own;
            (own > 0).then(|| groups.into_iter().map(|group| first + group).collect())
        });
        Self { by_plan: by_plan.collect(), count }
    }

    fn of(&self, plan: usize, age: usize) -> Option<usize> {
        self.by_plan[plan].as_ref().map(|cells| cells[age])
    }
}
