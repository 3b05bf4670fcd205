//! Variances and correlations of what customers do on active days.

use crate::verify::statistics::{Measured, Outcome, TOO_FEW, chi_square, normal};
use crate::verify::tally::UsageTally;

/// Rows from which on means, variances and correlations are near their normal laws.
pub(super) const LEAST_ROWS: f64 = 500.0;

/// Mean and variance of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    pub mean: f64,
    pub variance: f64,
}

/// The moments of a plan's rows.
pub(super) struct Moments {
    rows: f64,
    pub sessions: Spread,
    minutes: Spread,
    pub events: Spread,
    with_events: f64,
    with_minutes: f64,
}

impl Moments {
    /// `None` where there are too few rows.
    pub fn of(usage: &UsageTally, plan: usize) -> Option<Self> {
        let spread = |counts: &[u64]| {
            let rows = counts.iter().sum::<u64>() as f64;
            let values = || counts.iter().enumerate().map(|(value, &count)| (value as f64, count as f64));
            let mean = values().map(|(value, count)| value * count).sum::<f64>() / rows;
            let squares = values().map(|(value, count)| (value - mean).powi(2) * count).sum::<f64>();
            Spread { mean, variance: squares / (rows - 1.0) }
        };
        let rows = usage.sessions.row(plan).iter().sum::<u64>() as f64;
        if rows < LEAST_ROWS {
            return None;
        }
        let [sessions, minutes, events] =
            [&usage.sessions, &usage.minutes, &usage.events].map(|grid| spread(grid.row(plan)));
        let products = usage.products.row(plan);
        let covariance = |product: u64, other: Spread| product as f64 / rows - sessions.mean * other.mean;
        let (with_events, with_minutes) = (covariance(products[0], events), covariance(products[1], minutes));
        Some(Self { rows, sessions, minutes, events, with_events, with_minutes })
    }

    /// Variance over mean of a column whose central moments are given.
    pub fn dispersion(&self, observed: Spread, [mean, second, third, fourth]: [f64; 4]) -> Outcome {
        if mean == 0.0 || observed.mean == 0.0 {
            return Err("the law has no spread".to_string());
        }
        if mean * self.rows < LEAST_ROWS {
            return Err(TOO_FEW.to_string());
        }
        // The delta method on the sample's mean and variance.
        let variance = (fourth - second * second) / mean.powi(2) + second.powi(3) / mean.powi(4)
            - 2.0 * second * third / mean.powi(3);
        Ok(normal(observed.variance / observed.mean, second / mean, (variance / self.rows).sqrt()))
    }

    pub fn sessions_with_events(&self, theory: &Theory) -> Outcome {
        if theory.sessions == 0.0 || theory.per_session == 0.0 {
            return Err("the law has no spread".to_string());
        }
        if self.sessions.variance == 0.0 || self.events.variance == 0.0 {
            return Err("the values have no spread".to_string());
        }
        if theory.sessions * theory.per_session.min(1.0) * self.rows < LEAST_ROWS {
            return Err(TOO_FEW.to_string());
        }
        let observed = self.with_events / (self.sessions.variance * self.events.variance).sqrt();
        Ok(theory.correlation(observed, self.rows))
    }
}

/// Sessions are independent of minutes: the correlations of all plans together.
pub(super) fn uncorrelated(moments: &[Option<Moments>]) -> Outcome {
    let scores = moments.iter().flatten().filter(|moments| moments.sessions.variance > 0.0).map(|moments| {
        let correlation = moments.with_minutes / (moments.sessions.variance * moments.minutes.variance).sqrt();
        correlation * moments.rows.sqrt()
    });
    let (count, sum) = scores.fold((0.0, 0.0), |(count, sum), score| (count + 1.0, sum + score * score));
    chi_square(sum, count)
}

/// Central moments of sessions S, Poisson, and feature events E, Poisson given S.
///
/// With X = S - E[S] and Z = E - c S, whose moments given S are those of a centred Poisson law with mean c S, the
/// events' deviation is c X + Z; the products below are expanded from that.
pub(super) struct Theory {
    pub sessions: f64,
    pub per_session: f64,
}

impl Theory {
    /// Mean and central moments two to four.
    pub fn sessions(&self) -> [f64; 4] {
        let mean = self.sessions;
        [mean, mean, mean, mean + 3.0 * mean * mean]
    }

    pub fn events(&self) -> [f64; 4] {
        let (m, c) = (self.sessions, self.per_session);
        let fourth = c.powi(4) * (m + 3.0 * m * m)
            + 6.0 * c.powi(3) * (m + m * m)
            + 4.0 * c * c * m
            + c * m
            + 3.0 * c * c * (m + m * m);
        [c * m, c * c * m + c * m, c.powi(3) * m + 3.0 * c * c * m + c * m, fourth]
    }

    /// The correlation, with its sampling variance by the delta method (M. G. Kendall, A. Stuart, The Advanced Theory
    /// of Statistics, 10.17).
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

    /// The closed forms of the contract, and moments summed over the laws themselves.
    #[test]
    fn moments_are_those_of_the_laws() {
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
