//! Tests of activity by age and by day against the retention curve.
//!
//! All rows of a day share its loss rate, so counts are not independent where logs are lost. The rate is uniform
//! between known limits. Its variance is part of the covariance of the counts, so the tests are exact at any size.

use crate::verify::saas_v1::checks::{Aggregates, UsageAggregates};
use crate::verify::saas_v1::derived_model::{DerivedModel, Survival};
use crate::verify::statistics::{
    CountMatrix, CurvePoint, LEAST_EXPECTED, Outcome, TOO_FEW, correlated, interval_reach, squares,
};
use nalgebra::DMatrix;

/// The largest number of cells into which the ages of a plan are grouped.
const CELLS_PER_PLAN: f64 = 20.0;

/// The approximate number of points of a retention curve.
const POINTS: usize = 40;

/// The excess kurtosis of a uniform distribution.
const UNIFORM_EXCESS: f64 = -1.2;

/// The observed and expected activity of a usage table.
pub struct Activity<'a> {
    pub model: &'a DerivedModel,
    /// Customers by plan and signup day.
    pub signups: &'a CountMatrix,
    pub usage: &'a UsageAggregates,
    pub survival: Survival,
}

/// The customers of one plan and signup day at one age.
pub struct Exposure {
    pub plan: usize,
    pub signup: usize,
    pub age: usize,
    /// The expected number of rows before logs are lost: customers x probability of being active.
    pub active: f64,
    /// Customers x squared probability of being active.
    active_squared: f64,
}

impl<'a> Activity<'a> {
    pub fn new(
        model: &'a DerivedModel,
        aggregates: &'a Aggregates,
        usage: &'a UsageAggregates,
        survival: Survival,
    ) -> Self {
        Self { model, signups: &aggregates.signups, usage, survival }
    }

    pub fn exposures(&self) -> impl Iterator<Item = Exposure> {
        let days = self.model.days();
        self.model.plans.iter().enumerate().flat_map(move |(plan, derived)| {
            let signups = self.signups.row(plan).iter().enumerate().filter(|&(_, &customers)| customers > 0);
            signups.flat_map(move |(signup, &customers)| {
                derived.active[..days - signup].iter().enumerate().map(move |(age, &probability)| {
                    let active = customers as f64 * probability;
                    Exposure { plan, signup, age, active, active_squared: active * probability }
                })
            })
        })
    }

    /// Returns the variance of the number of rows without the part that comes from the days' shared loss rates.
    pub fn own_variance(&self, exposure: &Exposure) -> f64 {
        self.survival.own_variance(exposure.active, exposure.active_squared)
    }

    /// Tests the number of rows by plan and age.
    pub fn by_age(&self) -> Outcome {
        let cells = Cells::new(self);
        let mut by_day = DMatrix::<f64>::zeros(cells.count, self.model.days());
        let mut covariance = DMatrix::<f64>::zeros(cells.count, cells.count);
        for exposure in self.exposures() {
            if let Some(cell) = cells.get(exposure.plan, exposure.age) {
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
                if let Some(cell) = cells.get(plan, age) {
                    residuals[cell] += count as f64;
                }
            }
        }
        covariance += &by_day * by_day.transpose() * self.survival.sd.powi(2);
        correlated(residuals, covariance)
    }

    /// Tests the number of rows by groups of days. `group` returns the group of a day of the window, below `groups`.
    pub fn by_day(&self, group: impl Fn(usize) -> usize, groups: usize) -> Outcome {
        let mut days = vec![(0.0, 0.0); self.model.days()];
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

    /// Groups neighbouring days until the rows of each group have enough variance. Returns the group of each day and
    /// the number of groups.
    pub fn day_groups(&self) -> (Vec<usize>, usize) {
        let mut variance = vec![0.0; self.model.days()];
        for exposure in self.exposures() {
            variance[exposure.signup + exposure.age] += self.own_variance(&exposure);
        }
        let (groups, count) = grouped(&variance, LEAST_EXPECTED);
        (groups, count.max(1))
    }

    /// Returns the observed retention of a plan as about forty points.
    pub fn points(&self, plan: usize) -> Vec<CurvePoint> {
        let days = self.model.days();
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
            (exposed > 0.0).then(|| CurvePoint {
                age: (point * ages) as f64 + (customers.len() as f64 - 1.0) / 2.0,
                share: rows.iter().sum::<u64>() as f64 / exposed,
                interval: [(expected - reach * sd).max(0.0) / exposed, (expected + reach * sd) / exposed],
            })
        });
        points.collect()
    }
}

/// Returns the number of customers that have reached each age by the end of the window.
pub fn reached(signups: &[u64]) -> Vec<f64> {
    let mut sum = 0.0;
    let up_to = signups.iter().map(|&count| {
        sum += count as f64;
        sum
    });
    let mut reached: Vec<f64> = up_to.collect();
    reached.reverse();
    reached
}

/// Groups neighbours until the sizes of each group add up to at least `least`. Returns the group of each element and
/// the number of groups. A rest at the end joins the last group.
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

/// Cells of neighbouring ages of a plan.
struct Cells {
    by_plan: Vec<Option<Vec<usize>>>,
    count: usize,
}

impl Cells {
    fn new(activity: &Activity<'_>) -> Self {
        let mut count = 0;
        let by_plan = activity.model.plans.iter().enumerate().map(|(plan, derived)| {
            // Cells are of equal variance, not of equal counts: rows that are almost certain carry little information.
            let row_variance = |active: f64| activity.survival.own_variance(active, active * active);
            let reached = reached(activity.signups.row(plan)).into_iter();
            let variance: Vec<f64> =
                reached.zip(&derived.active).map(|(customers, &active)| customers * row_variance(active)).collect();
            let least = (variance.iter().sum::<f64>() / CELLS_PER_PLAN).max(LEAST_EXPECTED);
            let (groups, own) = grouped(&variance, least);
            let first = count;
            count += own;
            (own > 0).then(|| groups.into_iter().map(|group| first + group).collect())
        });
        Self { by_plan: by_plan.collect(), count }
    }

    /// Returns the cell of an age of a plan, or `None` if the plan has too few rows for a cell.
    fn get(&self, plan: usize, age: usize) -> Option<usize> {
        self.by_plan[plan].as_ref().map(|cells| cells[age])
    }
}
