//! The result of a significance test.

use super::distributions::standard_normal;
use serde::Serialize;
use statrs::distribution::ContinuousCDF;

/// The probability that a correct data set has a value in the interval that is shown with it.
pub const INTERVAL: f64 = 0.99;

/// An observed value, its expected value, and the significance of the difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// The expected value.
    pub expected: f64,
    /// The observed value.
    pub observed: f64,
    /// The interval with the observed value of 99 of 100 correct data sets.
    pub interval: [f64; 2],
    /// The probability that a correct data set is at least as far from the expected value, in either direction.
    pub p: f64,
}

/// The result of a test, or the reason why it could not be run.
pub type Outcome = Result<Measured, String>;

/// Returns the distance from the mean of a normal distribution to either end of the interval, in standard deviations.
pub fn interval_reach() -> f64 {
    standard_normal().inverse_cdf((1.0 + INTERVAL) / 2.0)
}

/// Tests a value with a normal distribution.
pub fn normal(observed: f64, expected: f64, sd: f64) -> Measured {
    let reach = interval_reach() * sd;
    let p = match sd > 0.0 {
        true => 2.0 * standard_normal().cdf(-((observed - expected) / sd).abs()),
        false => f64::from(u8::from(observed == expected)),
    };
    Measured { expected, observed, interval: [expected - reach, expected + reach], p }
}

/// Returns the two-sided p-value, from the probabilities of a value at most as large and of a value at least as large.
pub fn two_sided(lower: f64, upper: f64) -> f64 {
    (2.0 * lower.min(upper)).clamp(0.0, 1.0)
}

/// The reason why a test can't be run if there are too few rows.
pub const TOO_FEW: &str = "too few rows";
