//! The model saas-v2: customers who leave for reasons.

mod calendar;
mod check;
mod cycles;

mod bounds;
mod expected;
mod laws;
pub mod parameters;
mod profiles;
pub mod purposes;
mod rows;
mod seeded_laws;
mod tables;
mod timeline;
mod usage;

pub use calendar::CalendarDay;
pub use expected::{CurvePoint, CycleOdds, PlanTerm, REASONS, expected_curves, lives};
pub use laws::{FREE, Hazards, Laws, Reason, Situation};
pub use profiles::Profile;
pub use rows::{SaasV2, table_rows};
pub use seeded_laws::SeededLaws;
pub use tables::{
    BILLING, CALENDAR, CUSTOMER_TRUTH, CUSTOMERS, CYCLES_TRUTH, EXPECTED_CURVES, SUBSCRIPTIONS, SUPPORT, TABLES,
    USAGE_DAILY, USAGE_TRUTH, VERSION,
};
pub use timeline::{Attempt, Cycle, Life, Outcome};

use super::definition::{ModelDefinition, Resolved};
use crate::error::{Error, Result};
use parameters::Parameters;
use std::sync::Arc;

/// The model as the engine knows it.
pub(super) const DEFINITION: ModelDefinition = ModelDefinition {
    version: VERSION,
    parameters: parameters::DEFAULT,
    open_tables: &["regions"],
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
        build: Box::new(move || Arc::new(SaasV2::new(Laws::new(parameters, window)))),
    })
}
