//! Points of an observed curve.

use serde::Serialize;

/// The observed share of customers over a range of ages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The middle of the range of ages, in days since signup.
    pub age: f64,
    /// The share. If some rows are lost, it is divided by the share that is not.
    pub share: f64,
    /// The interval with the share of 99 of 100 correct data sets.
    pub interval: [f64; 2],
}
