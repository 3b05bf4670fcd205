//! `usage_daily` and `usage_truth` of all models: what customers did on their active days.
//!
//! ```text
//! model: customers, thresholds, minutes ─▶ activity ─▶ ActiveDays ─▶ values and columns
//! ```
//!
//! A model gives its customers with the thresholds of their activity, its tables of values and its way to draw minutes.
//! The kernels are generic over it, so each model has its own compiled code.

mod active_days;
mod activity;
mod age_group;
#[cfg(target_arch = "x86_64")]
pub mod avx512;
mod columns;
mod days;
mod model;
mod output_column;
mod packed;
mod rows;
mod seeded_usage;
mod tables;
#[cfg(test)]
pub mod testing;
mod values;

pub use active_days::{ActiveDays, CustomerRows};
pub use activity::{Customer, Customers, active_days};
pub use age_group::AGES_PER_GROUP;
pub use days::{UsageDays, WHOLE};
pub use model::UsageModel;
pub use output_column::OutputColumn;
pub use packed::{CHUNK, PackedTables};
pub use rows::UsageRows;
pub use seeded_usage::{SeededUsage, UsagePurposes};
pub use tables::UsageTables;
pub use values::{Minutes, MinutesOfClass, plain_values};
