//! Checks of the rows of each table, which also count them.

mod billing;
mod calendar;
mod customer;
mod customer_rows;
mod customer_truth;
mod customers;
mod cycle_rows;
mod cycles_counted;
mod cycles_truth;
mod expected_curves;
mod hazards;
mod numbers;
mod subscriptions;
mod support;
mod usage;

pub use customer_rows::check_customers;

use super::aggregates::Aggregates;
use super::derived_model::DerivedModel;
use crate::models::saas_v2::{CALENDAR, EXPECTED_CURVES};
use crate::verify::reading::Rows;
use crate::verify::violations::Violations;

/// Checks and counts the rows of a table without customers.
pub fn check_table(model: &DerivedModel, rows: &Rows, aggregates: &mut Aggregates, violations: &mut Violations) {
    if rows.table() == CALENDAR {
        aggregates.calendar = calendar::check(model, rows, violations).unwrap_or_default();
    } else if rows.table() == EXPECTED_CURVES {
        expected_curves::check(model, rows, violations);
    }
}
