//! Significance tests: observed values against a distribution, with a p-value.
//!
//! If the data set is correct, the p-value of a test is uniform over 0..1. `tests/it/verification.rs` checks this over
//! hundreds of seeds. If there are enough degrees of freedom, a fit that is too good fails like one that is too bad.

mod chi_square;
mod count_matrix;
mod curve_point;
mod distributions;
mod event_sum;
mod holm;
mod measured;

pub use chi_square::{
    ChiSquare, LEAST_EXPECTED, chi_square, correlated, correlated_if_enough, independence, shares, shares_of_rows,
    squares, strata,
};
pub use count_matrix::CountMatrix;
pub use curve_point::CurvePoint;
pub use distributions::{poisson, rounded_normal, standard_normal};
pub use event_sum::EventSum;
pub use holm::holm;
pub use measured::{INTERVAL, Measured, Outcome, TOO_FEW, interval_reach, normal, two_sided};
