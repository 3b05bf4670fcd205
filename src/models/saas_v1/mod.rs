//! saas-v1: customers on plans whose activity decays with age, with independent invoices, support tickets and lost logs.
//!
//! Rows look up nothing: the customer's profile is drawn again from the customer's address for every table.

mod billing;
mod bounds;
mod check;
mod customers;
mod expected;
mod laws;
mod parameters;
mod profiles;
pub mod purposes;
mod retention_curves;
mod rows;
mod seeded_laws;
mod support;
mod tables;
mod usage;

pub use expected::invoices_given_signup;
pub use laws::{Laws, active_probability, mean_tickets, minutes_limits};
pub use parameters::{Billing, Logs, Parameters, Plan, Retention, Shares, Support, Usage, WindowParameters};
pub use tables::{
    BILLING, CATEGORIES, CUSTOMERS, PLANS, PRIORITIES, REGIONS, RETENTION_CURVES, STATUSES, SUPPORT, TABLES,
    USAGE_DAILY, USAGE_TRUTH, VERSION,
};

use super::definition::{ModelDefinition, Resolved};
use crate::error::{Error, Result};
use std::sync::Arc;

/// The model as the engine knows it.
pub(super) const DEFINITION: ModelDefinition = ModelDefinition {
    version: VERSION,
    parameters: include_str!("../../../data/saas-v1.toml"),
    open_tables: &["plans", "regions", "billing.status", "support.category", "support.priority"],
    tables: &TABLES,
    resolve,
};

fn resolve(table: toml::Table) -> Result<Resolved> {
    let parameters: Parameters =
        table.try_into().map_err(|error: toml::de::Error| Error::Misuse(error.to_string().trim().to_string()))?;
    let window = check::check(&parameters)?;
    Ok(Resolved {
        name: parameters.name.clone(),
        window,
        parameters: toml::Table::try_from(&parameters).map_err(|error| Error::Internal(error.to_string()))?,
        json: serde_json::to_string(&parameters).map_err(|error| Error::Internal(error.to_string()))?,
        build: Box::new(move || Arc::new(Laws::new(parameters, window))),
    })
}
