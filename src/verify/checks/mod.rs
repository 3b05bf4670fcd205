//! Checks of the rows of each table, and the aggregates that the statistical tests use.

mod aggregates;
mod billing;
mod chunk;
mod customers;
mod observations;
mod profiles;
pub mod retention_curves;
mod support;
mod usage;
mod usage_aggregates;

pub use aggregates::{Aggregates, FIXED_POINT, TENURE_PARTS};
pub use chunk::CustomerChunk;
pub use observations::Observations;
pub use usage_aggregates::UsageAggregates;
