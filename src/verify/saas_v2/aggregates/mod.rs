//! Counts and sums over all rows. The statistical tests and the report use only these.
//!
//! All are whole numbers, so the sums of several threads are the same however the rows are split.

mod all;
mod calendar;
mod life_ends;
mod scores;
mod truth;
mod usage;

pub use all::Aggregates;
pub use calendar::{CalendarRow, factors};
pub use life_ends::LifeEnds;
pub use scores::Scores;
pub use truth::{ActiveClass, TruthAggregates};
pub use usage::{SESSION_SUMS, UsageAggregates};
