//! Checks of the rows of a chunk of customers, table by table.

use super::aggregates::Aggregates;
use super::profiles::Profiles;
use super::{billing, customers, support, usage};
use crate::error::{Error, Result};
use crate::models::saas_v1;
use crate::verify::customer_chunk::CustomerChunk;
use crate::verify::saas_v1::derived_model::DerivedModel;
use crate::verify::violations::Violations;

/// Counts the rows and records violations.
///
/// # Errors
/// Returns [`Error::Internal`] if the chunk has no customers, neither read nor generated.
pub fn check_customers(
    model: &DerivedModel,
    chunk: &CustomerChunk<'_>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) -> Result<()> {
    let ids = &chunk.ids;
    let profiles = match (chunk.rows(saas_v1::CUSTOMERS), chunk.generated_rows(saas_v1::CUSTOMERS)) {
        (Some((table, rows)), _) => {
            customers::check(model, ids, table, rows.clone(), aggregates, violations);
            Profiles::new(model, ids, table, rows)
        }
        (None, Some(table)) => {
            customers::check(model, ids, &table, 0..table.len(), aggregates, violations);
            Profiles::new(model, ids, &table, 0..table.len())
        }
        (None, None) => {
            return Err(Error::Internal("there are neither customers nor a claim to generate them".into()));
        }
    };
    let truth = chunk.rows(saas_v1::USAGE_TRUTH);
    if let Some((table, rows)) = chunk.rows(saas_v1::USAGE_DAILY) {
        usage::check(model, &profiles, table, rows.clone(), &mut aggregates.usage_daily, violations);
        if let Some((truth, truth_rows)) = &truth {
            usage::check_logged(model, table, rows, truth, truth_rows.clone(), violations);
        }
    }
    if let Some((table, rows)) = truth {
        usage::check(model, &profiles, table, rows, &mut aggregates.usage_truth, violations);
    } else if let Some(generated) = chunk.generated_rows(saas_v1::USAGE_TRUTH) {
        usage::count_truth(model, &profiles, &generated, aggregates);
    }
    if let Some((table, rows)) = chunk.rows(saas_v1::BILLING) {
        billing::check(model, &profiles, table, rows, aggregates, violations);
    }
    if let Some((table, rows)) = chunk.rows(saas_v1::SUPPORT) {
        support::check(model, &profiles, table, rows, aggregates, violations);
    }
    Ok(())
}
