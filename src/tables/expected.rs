//! The expected number of rows of a table, in closed form. Nothing is generated to compute it.

use super::laws::{active_probability, mean_tickets};
use super::{DataSet, Table};
use crate::model::{Day, Model, Plan};
use std::ops::Range;

/// The mean and the standard deviation of a number of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The mean.
    pub rows: f64,
    /// The standard deviation, or 0 if the number is certain.
    pub sd: f64,
}

/// The distribution of the number of rows that a random customer has in a range of days.
#[derive(Debug, Clone, Copy)]
pub struct RowsPerCustomer {
    mean: f64,
    variance: f64,
    /// The covariance between two customers, who share the loss rate of each day.
    covariance: f64,
}

impl RowsPerCustomer {
    /// Returns the distribution for `table` and the rows whose date is in `days`. For `retention_curves`, a customer is
    /// a plan.
    ///
    /// This takes 20 µs for the default window and 5 ms for ten years, and depends little on the number of plans.
    pub fn new(model: &Model, table: Table, days: &Range<Day>) -> Self {
        let window = model.window();
        if table == Table::RetentionCurves {
            return Self { mean: f64::from(window.days), variance: 0.0, covariance: 0.0 };
        }
        let days = days.start.max(window.first) - window.first..days.end.min(window.range().end) - window.first;
        let signup_share = 1.0 / f64::from(window.days);
        let (mut mean, mut squares, mut within) = (0.0, 0.0, 0.0);
        for (plan_share, rows_of_plan) in PlanRows::groups(model, table) {
            for signup in 0..window.days as Day {
                let (rows, variance) = rows_of_plan.given_signup(model, signup, &days);
                let share = plan_share * signup_share;
                mean += share * rows;
                squares += share * rows * rows;
                within += share * variance;
            }
        }
        let covariance = if table == Table::UsageDaily { loss_covariance(model, &days) } else { 0.0 };
        Self { mean, variance: (within + squares - mean * mean).max(0.0), covariance }
    }

    /// Returns the number of rows of the given number of customers.
    pub fn of(&self, customers: u64) -> Expected {
        let count = customers as f64;
        let variance = count * self.variance + count * (count - 1.0) * self.covariance;
        Expected { rows: count * self.mean, sd: variance.max(0.0).sqrt() }
    }
}

impl DataSet {
    /// Returns the expected number of rows of `table`, in closed form.
    pub fn expected_rows(&self, table: Table) -> Expected {
        let ids = self.ids(table);
        RowsPerCustomer::new(self.model(), table, &self.model().window().range()).of(ids.end - ids.start)
    }
}

/// The rows of a customer whose plan is known.
enum PlanRows {
    Customers,
    /// Entry `a` of `mean` is the sum of q, the probability of a row, over all ages below `a`. Entry `a` of `variance`
    /// is the sum of q (1 - q).
    Usage {
        mean: Vec<f64>,
        variance: Vec<f64>,
    },
    /// For plans with a price.
    Billing,
    Support,
}

impl PlanRows {
    /// Returns the groups of plans whose customers have the same distribution of rows in `table`, with the share of
    /// customers in each group. Plans without rows are left out.
    fn groups(model: &Model, table: Table) -> Vec<(f64, Self)> {
        let plans = model.parameters().plans.values();
        match table {
            Table::Customers | Table::RetentionCurves => vec![(1.0, Self::Customers)],
            Table::Support => vec![(1.0, Self::Support)],
            Table::Billing => {
                let billed = plans.filter(|plan| plan.price_cents() > 0).map(|plan| plan.share).sum();
                vec![(billed, Self::Billing)]
            }
            Table::UsageDaily | Table::UsageTruth => {
                let survives = if table == Table::UsageDaily { 1.0 - mean_loss(model) } else { 1.0 };
                plans.map(|plan| (plan.share, Self::usage(model, plan, survives))).collect()
            }
        }
    }

    fn usage(model: &Model, plan: &Plan, survives: f64) -> Self {
        let (mut mean, mut variance) = (vec![0.0], vec![0.0]);
        for age in 0..model.window().days {
            let row = active_probability(model, plan, age) * survives;
            mean.push(mean[age as usize] + row);
            variance.push(variance[age as usize] + row * (1.0 - row));
        }
        Self::Usage { mean, variance }
    }

    /// Returns mean and variance for a customer who signed up on day `signup`. Days are counted from the window's first
    /// day.
    fn given_signup(&self, model: &Model, signup: Day, days: &Range<Day>) -> (f64, f64) {
        let window_days = model.window().days as Day;
        match self {
            Self::Customers => (f64::from(u8::from(days.contains(&signup))), 0.0),
            Self::Usage { mean, variance } => {
                let ages = (days.start - signup).max(0) as usize..(days.end - signup).max(0) as usize;
                let over_ages = |sums: &[f64]| (sums[ages.end] - sums[ages.start.min(ages.end)]).max(0.0);
                (over_ages(mean), over_ages(variance))
            }
            Self::Billing => invoices_given_signup(model, signup, days),
            Self::Support => {
                let asked = (days.end - days.start.max(signup)).max(0);
                let tickets = mean_tickets(model, (window_days - 1 - signup) as u32);
                let mean = tickets * f64::from(asked) / f64::from(window_days - signup);
                (mean, mean)
            }
        }
    }
}

/// Returns mean and variance of the number of invoices that a customer on a plan with a price has in `days`.
///
/// The customer signed up on day `signup`. Days are counted from the window's first day.
pub fn invoices_given_signup(model: &Model, signup: Day, days: &Range<Day>) -> (f64, f64) {
    let billing = &model.parameters().billing;
    let (interval, jitter) = (billing.interval_days as Day, billing.jitter_days as Day);
    let (mut mean, mut variance) = (0.0, 0.0);
    for middle in (signup + interval..days.end + jitter).step_by(interval as usize) {
        let inside = days.end.min(middle + jitter + 1) - days.start.max(middle - jitter);
        let share = f64::from(inside.max(0)) / f64::from(2 * jitter + 1);
        mean += share;
        variance += share * (1.0 - share);
    }
    (mean, variance)
}

fn mean_loss(model: &Model) -> f64 {
    let logs = &model.parameters().logs;
    (logs.loss_min + logs.loss_max) / 2.0
}

/// Returns the sum over `days` of (share of active customers)^2 x (variance of the loss rate). Loss rates are uniform.
fn loss_covariance(model: &Model, days: &Range<Day>) -> f64 {
    let parameters = model.parameters();
    let spread = parameters.logs.loss_max - parameters.logs.loss_min;
    let at_age = |age: u32| -> f64 {
        parameters.plans.values().map(|plan| plan.share * active_probability(model, plan, age)).sum()
    };
    let (mut active, mut squares) = (0.0, 0.0);
    for day in 0..days.end.max(0) {
        active += at_age(day as u32) / f64::from(model.window().days);
        if days.contains(&day) {
            squares += active * active;
        }
    }
    squares * spread * spread / 12.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Laws;
    use std::sync::Arc;

    /// The standard deviation of `usage_daily` is the quadratic sum of two parts: 7,632 from independent customers, and
    /// 3,836 from the loss rates that all customers share.
    #[test]
    fn the_default_data_set_has_the_documented_sizes() {
        let laws = Arc::new(Laws::new(Model::saas_v1().unwrap()));
        let data_set = DataSet::new(laws, 42, 100_000).unwrap();
        for (table, rows, sd, rounding) in [
            (Table::Customers, 100_000.0, 0.0, 1.0),
            (Table::UsageDaily, 4_103_345.0, 8_542.0, 1.0),
            (Table::UsageTruth, 4_827_464.0, 8_940.0, 10.0),
            (Table::Billing, 1_239_382.0, 4_400.0, 100.0),
            (Table::Support, 385_369.0, 935.0, 10.0),
            (Table::RetentionCurves, 2_200.0, 0.0, 1.0),
        ] {
            let expected = data_set.expected_rows(table);
            assert!((expected.rows - rows).abs() <= 0.51, "{table:?}: {expected:?}");
            assert!((expected.sd - sd).abs() <= rounding, "{table:?}: {expected:?}");
        }
    }

    #[test]
    fn rows_of_consecutive_months_sum_to_those_of_the_window() {
        let model = Model::saas_v1().unwrap();
        let window = model.window();
        for table in [Table::Customers, Table::UsageDaily, Table::UsageTruth, Table::Billing, Table::Support] {
            let whole = RowsPerCustomer::new(&model, table, &window.range()).of(1_000).rows;
            let parts: f64 = (window.first..window.range().end)
                .step_by(30)
                .map(|day| RowsPerCustomer::new(&model, table, &(day..day + 30)).of(1_000).rows)
                .sum();
            assert!((whole - parts).abs() < 1e-6 * whole, "{table:?}: {whole} {parts}");
        }
        let nothing = RowsPerCustomer::new(&model, Table::UsageDaily, &(0..10)).of(1_000);
        assert_eq!(nothing, Expected { rows: 0.0, sd: 0.0 });
    }
}
