//! Checks of the rows of each table, and the aggregates that the statistical tests use.

mod aggregates;
mod billing;
mod customer_rows;
mod customers;
mod profiles;
pub mod retention_curves;
mod support;
mod usage;
mod usage_aggregates;

pub use aggregates::{Aggregates, FIXED_POINT, TENURE_PARTS};
pub use customer_rows::check_customers;
pub use usage_aggregates::UsageAggregates;
