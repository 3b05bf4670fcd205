//! The expected number of rows of a table, in closed form.

use super::laws::{Laws, active_probability, mean_tickets};
use super::parameters::{Billing, Plan};
use super::tables::{CUSTOMERS, RETENTION_CURVES, USAGE_DAILY};
use crate::models::{Day, RowsPerCustomer, Table};
use std::ops::Range;

/// Returns the distribution of the number of rows of a customer in `table` whose date is in `days`, or of a plan in
/// `retention_curves`.
///
/// This takes 20 µs for the default window and 5 ms for ten years, and depends little on the number of plans.
pub(super) fn rows_per_customer(laws: &Laws, table: Table, days: &Range<Day>) -> RowsPerCustomer {
    let window = laws.window();
    if table == RETENTION_CURVES {
        return RowsPerCustomer::exactly(u64::from(window.days));
    }
    if table == CUSTOMERS && *days == window.range() {
        return RowsPerCustomer::exactly(1);
    }
    let days = days.start.max(window.first) - window.first..days.end.min(window.range().end) - window.first;
    let signup_share = 1.0 / f64::from(window.days);
    let (mut mean, mut squares, mut within) = (0.0, 0.0, 0.0);
    for (plan_share, rows_of_plan) in PlanRows::groups(laws, table) {
        for signup in 0..window.days as Day {
            let (rows, variance) = rows_of_plan.given_signup(laws, signup, &days);
            let share = plan_share * signup_share;
            mean += share * rows;
            squares += share * rows * rows;
            within += share * variance;
        }
    }
    let covariance = if table == USAGE_DAILY { loss_covariance(laws, &days) } else { 0.0 };
    RowsPerCustomer::new(mean, (within + squares - mean * mean).max(0.0), covariance)
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
    fn groups(laws: &Laws, table: Table) -> Vec<(f64, Self)> {
        let plans = laws.parameters().plans.values();
        match table.name() {
            "support" => vec![(1.0, Self::Support)],
            "billing" => {
                let billed = plans.filter(|plan| plan.price_cents() > 0).map(|plan| plan.share).sum();
                vec![(billed, Self::Billing)]
            }
            "usage_daily" => plans.map(|plan| (plan.share, Self::usage(laws, plan, 1.0 - mean_loss(laws)))).collect(),
            "usage_truth" => plans.map(|plan| (plan.share, Self::usage(laws, plan, 1.0))).collect(),
            _ => vec![(1.0, Self::Customers)],
        }
    }

    fn usage(laws: &Laws, plan: &Plan, survives: f64) -> Self {
        let (mut mean, mut variance) = (vec![0.0], vec![0.0]);
        for age in 0..laws.window().days {
            let row = active_probability(laws.parameters(), plan, age) * survives;
            mean.push(mean[age as usize] + row);
            variance.push(variance[age as usize] + row * (1.0 - row));
        }
        Self::Usage { mean, variance }
    }

    /// Returns mean and variance for a customer who signed up on day `signup`. Days are counted from the window's first
    /// day.
    fn given_signup(&self, laws: &Laws, signup: Day, days: &Range<Day>) -> (f64, f64) {
        let window_days = laws.window().days as Day;
        match self {
            Self::Customers => (f64::from(u8::from(days.contains(&signup))), 0.0),
            Self::Usage { mean, variance } => {
                let ages = (days.start - signup).max(0) as usize..(days.end - signup).max(0) as usize;
                let over_ages = |sums: &[f64]| (sums[ages.end] - sums[ages.start.min(ages.end)]).max(0.0);
                (over_ages(mean), over_ages(variance))
            }
            Self::Billing => invoices_given_signup(&laws.parameters().billing, signup, days),
            Self::Support => {
                let asked = (days.end - days.start.max(signup)).max(0);
                let tickets = mean_tickets(&laws.parameters().support, (window_days - 1 - signup) as u32);
                let mean = tickets * f64::from(asked) / f64::from(window_days - signup);
                (mean, mean)
            }
        }
    }
}

/// Returns mean and variance of the number of invoices that a customer on a plan with a price has in `days`.
///
/// The customer signed up on day `signup`. Days are counted from the window's first day.
pub fn invoices_given_signup(billing: &Billing, signup: Day, days: &Range<Day>) -> (f64, f64) {
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

fn mean_loss(laws: &Laws) -> f64 {
    let logs = &laws.parameters().logs;
    (logs.loss_min + logs.loss_max) / 2.0
}

/// Returns the sum over `days` of (share of active customers)^2 x (variance of the loss rate). Loss rates are uniform.
fn loss_covariance(laws: &Laws, days: &Range<Day>) -> f64 {
    let parameters = laws.parameters();
    let spread = parameters.logs.loss_max - parameters.logs.loss_min;
    let at_age = |age: u32| -> f64 {
        parameters.plans.values().map(|plan| plan.share * active_probability(laws.parameters(), plan, age)).sum()
    };
    let (mut active, mut squares) = (0.0, 0.0);
    for day in 0..days.end.max(0) {
        active += at_age(day as u32) / f64::from(laws.window().days);
        if days.contains(&day) {
            squares += active * active;
        }
    }
    squares * spread * spread / 12.0
}

#[cfg(test)]
mod tests {

    use crate::models::{DataSet, Expected, Model, saas_v1};

    /// The standard deviation of `usage_daily` is the quadratic sum of two parts: 7,632 from independent customers, and
    /// 3,836 from the loss rates that all customers share.
    #[test]
    fn the_default_data_set_has_the_documented_sizes() {
        let model = Model::saas_v1().unwrap();
        let data_set = DataSet::new(model, 42, 100_000).unwrap();
        for (table, rows, sd, rounding) in [
            (saas_v1::CUSTOMERS, 100_000.0, 0.0, 1.0),
            (saas_v1::USAGE_DAILY, 4_103_345.0, 8_542.0, 1.0),
            (saas_v1::USAGE_TRUTH, 4_827_464.0, 8_940.0, 10.0),
            (saas_v1::BILLING, 1_239_382.0, 4_400.0, 100.0),
            (saas_v1::SUPPORT, 385_369.0, 935.0, 10.0),
            (saas_v1::RETENTION_CURVES, 2_200.0, 0.0, 1.0),
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
        for table in
            [saas_v1::CUSTOMERS, saas_v1::USAGE_DAILY, saas_v1::USAGE_TRUTH, saas_v1::BILLING, saas_v1::SUPPORT]
        {
            let whole = model.rows_per_customer(table, &window.range()).of(1_000).rows;
            let parts: f64 = (window.first..window.range().end)
                .step_by(30)
                .map(|day| model.rows_per_customer(table, &(day..day + 30)).of(1_000).rows)
                .sum();
            assert!((whole - parts).abs() < 1e-6 * whole, "{table:?}: {whole} {parts}");
        }
        let nothing = model.rows_per_customer(saas_v1::USAGE_DAILY, &(0..10)).of(1_000);
        assert_eq!(nothing, Expected { rows: 0.0, sd: 0.0 });
    }
}
