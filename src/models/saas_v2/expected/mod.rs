//! What the model expects, exactly and without generating a row: lives by plan and term, rows by table, and the curves
//! that `expected_curves` shows.
//!
//! A life depends on its cycle and its own past only, and it has few states. So a recursion from each cycle to the next
//! gives every probability of it. Signup days and calendar days come in afterwards.

mod counts;
mod curves;
mod day_factors;
mod decisions;
mod exposure;
mod life_law;
mod lives;
mod plan_term;
mod rows;

pub use curves::{CurvePoint, expected_curves};
pub use lives::{CycleOdds, REASONS, lives};
pub use plan_term::PlanTerm;
pub use rows::RowMoments;

#[cfg(test)]
mod tests;
