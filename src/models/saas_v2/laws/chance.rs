//! A probability with its threshold.

use crate::random::threshold;

/// A probability with the threshold that a word is below with this probability.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Chance {
    /// The probability.
    pub probability: f64,
    /// The threshold.
    pub threshold: u32,
}

impl Chance {
    /// Returns the chance with this probability, which exceeds 1 by rounding at most.
    pub fn new(probability: f64) -> Self {
        Self { probability, threshold: threshold(probability.min(1.0)) }
    }
}
