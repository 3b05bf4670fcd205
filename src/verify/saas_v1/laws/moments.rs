//! Variances and correlations of the values of active days.

use crate::verify::saas_v1::checks::UsageAggregates;
use crate::verify::statistics::{Measured, Outcome, TOO_FEW, chi_square, normal};

/// The smallest number of rows for which means, variances and correlations are close to normally distributed.
pub const LEAST_ROWS: f64 = 500.0;

/// The mean and the variance of a column.
#[derive(Debug, Clone, Copy)]
pub struct MeanVariance {
    pub mean: f64,
    pub variance: f64,
}

/// Moments of the rows of a plan.
pub struct Moments {
    rows: f64,
    pub sessions: MeanVariance,
    minutes: MeanVariance,
    pub events: MeanVariance,
    /// The covariance of sessions and feature events.
    events_covariance: f64,
    /// The covariance of sessions and minutes.
    minutes_covariance: f64,
}

impl Moments {
    /// Returns `None` if there are too few rows.
    pub fn new(usage: &UsageAggregates, plan: usize) -> Option<Self> {
        let mean_variance = |counts: &[u64]| {
            let rows = counts.iter().sum::<u64>() as f64;
            let values = || counts.iter().enumerate().map(|(value, &count)| (value as f64, count as f64));
            let mean = values().map(|(value, count)| value * count).sum::<f64>() / rows;
            let squares = values().map(|(value, count)| (value - mean).powi(2) * count).sum::<f64>();
            MeanVariance { mean, variance: squares / (rows - 1.0) }
        };
        let rows = usage.sessions.row(plan).iter().sum::<u64>() as f64;
        if rows < LEAST_ROWS {
            return None;
        }
        let [sessions, minutes, events] =
            [&usage.sessions, &usage.minutes, &usage.events].map(|matrix| mean_variance(matrix.row(plan)));
        let products = usage.products.row(plan);
        let covariance = |product: u64, other: MeanVariance| product as f64 / rows - sessions.mean * other.mean;
        let (events_covariance, minutes_covariance) =
            (covariance(products[0], events), covariance(products[1], minutes));
        Some(Self { rows, sessions, minutes, events, events_covariance, minutes_covariance })
    }

    /// Tests the variance over the mean of a column. The last argument is the expected mean and second to fourth
    /// central moment.
    pub fn dispersion(&self, observed: MeanVariance, [mean, second, third, fourth]: [f64; 4]) -> Outcome {
        if mean == 0.0 || observed.mean == 0.0 {
            return Err("the distribution has no variance".to_string());
        }
        if mean * self.rows < LEAST_ROWS {
            return Err(TOO_FEW.to_string());
        }
        // The delta method on the sample's mean and variance.
        let variance = (fourth - second * second) / mean.powi(2) + second.powi(3) / mean.powi(4)
            - 2.0 * second * third / mean.powi(3);
        Ok(normal(observed.variance / observed.mean, second / mean, (variance / self.rows).sqrt()))
    }

    /// Tests the correlation of sessions and feature events.
    pub fn sessions_with_events(&self, theory: &Theory) -> Outcome {
        if theory.sessions == 0.0 || theory.per_session == 0.0 {
            return Err("the distribution has no variance".to_string());
        }
        if self.sessions.variance == 0.0 || self.events.variance == 0.0 {
            return Err("the values have no variance".to_string());
        }
        if theory.sessions * theory.per_session.min(1.0) * self.rows < LEAST_ROWS {
            return Err(TOO_FEW.to_string());
        }
        let observed = self.events_covariance / (self.sessions.variance * self.events.variance).sqrt();
        Ok(theory.correlation(observed, self.rows))
    }
}

/// Tests that sessions and minutes are uncorrelated, over all plans together.
pub fn uncorrelated(moments: &[Option<Moments>]) -> Outcome {
    let scores = moments.iter().flatten().filter(|moments| moments.sessions.variance > 0.0).map(|moments| {
        let correlation = moments.minutes_covariance / (moments.sessions.variance * moments.minutes.variance).sqrt();
        correlation * moments.rows.sqrt()
    });
    let (count, sum) = scores.fold((0.0, 0.0), |(count, sum), score| (count + 1.0, sum + score * score));
    chi_square(sum, count)
}

/// The expected moments of sessions S, which have a Poisson distribution, and of feature events E, which have a Poisson
/// distribution with the mean c S given S.
///
/// Let X = S - E[S] and Z = E - c S. Given S, Z has the moments of a centred Poisson distribution with the mean c S.
/// The deviation of the feature events is c X + Z. The products below are expanded from this.
pub struct Theory {
    pub sessions: f64,
    pub per_session: f64,
}

impl Theory {
    /// Returns the mean and the second to fourth central moment of sessions.
    pub fn sessions(&self) -> [f64; 4] {
        let mean = self.sessions;
        [mean, mean, mean, mean + 3.0 * mean * mean]
    }

    /// Returns the mean and the second to fourth central moment of feature events.
    pub fn events(&self) -> [f64; 4] {
        let (m, c) = (self.sessions, self.per_session);
        let fourth = c.powi(4) * (m + 3.0 * m * m)
            + 6.0 * c.powi(3) * (m + m * m)
            + 4.0 * c * c * m
            + c * m
            + 3.0 * c * c * (m + m * m);
        [c * m, c * c * m + c * m, c.powi(3) * m + 3.0 * c * c * m + c * m, fourth]
    }

    /// Tests the observed correlation. Its sampling variance is from the delta method (M. G. Kendall, A. Stuart, The
    /// Advanced Theory of Statistics, 10.17).
    fn correlation(&self, observed: f64, rows: f64) -> Measured {
        let (m, c) = (self.sessions, self.per_session);
        let [_, xx, _, x4] = self.sessions();
        let [_, yy, _, y4] = self.events();
        let xy = c * m;
        let x2y2 = c * c * x4 + c * (m + m * m);
        let x3y = c * x4;
        let xy3 = c.powi(3) * x4 + 3.0 * c * c * (m + m * m) + c * m;
        let expected = xy / (xx * yy).sqrt();
        let relative = (x4 / (xx * xx) + y4 / (yy * yy) + 2.0 * x2y2 / (xx * yy)) / 4.0 + x2y2 / (xy * xy)
            - x3y / (xy * xx)
            - xy3 / (xy * yy);
        normal(observed, expected, expected * (relative / rows).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::statistics::poisson;

    /// Compares the closed forms with sums over the distributions.
    #[test]
    fn closed_forms_equal_sums_over_the_distributions() {
        let theory = Theory { sessions: 2.0, per_session: 1.5 };
        let (mut sums, mut products) = ([0.0; 3], [0.0; 3]);
        let mean = 3.0;
        for (sessions, share) in poisson(2.0, 40).into_iter().enumerate() {
            for (events, given) in poisson(1.5 * sessions as f64, 150).into_iter().enumerate() {
                let (x, y) = (sessions as f64 - 2.0, events as f64 - mean);
                for (power, sum) in (2..).zip(&mut sums) {
                    *sum += share * given * y.powi(power);
                }
                for (product, value) in products.iter_mut().zip([x * x * y * y, x.powi(3) * y, x * y.powi(3)]) {
                    *product += share * given * value;
                }
            }
        }
        let [_, second, third, fourth] = theory.events();
        for (summed, closed) in sums.into_iter().zip([second, third, fourth]) {
            assert!((summed / closed - 1.0).abs() < 1e-9, "{summed} {closed}");
        }
        let c: f64 = 1.5;
        let x4 = 2.0 + 12.0;
        let closed = [c * c * x4 + c * 6.0, c * x4, c.powi(3) * x4 + 3.0 * c * c * 6.0 + c * 2.0];
        for (summed, closed) in products.into_iter().zip(closed) {
            assert!((summed / closed - 1.0).abs() < 1e-9, "{summed} {closed}");
        }
        let measured = theory.correlation(0.0, 1_000.0);
        assert!((measured.expected - 0.7746).abs() < 5e-5);
        assert!((second / mean - 2.5).abs() < 1e-12);
    }
}
