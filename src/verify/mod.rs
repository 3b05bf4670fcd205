//! Verifies a data set against the model: the structure of its rows, its statistical laws and, if the seed is known,
//! every value.
//!
//! This folder is a frame that reads, compares and judges the tables of any model. What only one model has is behind the
//! trait `ModelChecks`, in a folder of the model's name.

mod comparison;
mod customer_chunk;
mod model_checks;
mod observations;
mod origin;
mod pipeline;
mod preconditions;
mod reading;
pub mod report;
mod rules;
mod saas_v1;
mod saas_v2;
mod statistics;
mod subject;
mod verdicts;
mod violations;
mod whole_tables;

pub use origin::Origin;
pub use reading::Extent;
pub use statistics::{CurvePoint, INTERVAL, Measured};
pub use subject::{Claim, ERROR_RATE, ReadOptions, STRIPE_ROWS, StatedContent, Subject};
pub use verdicts::{Check, Evidence, Verdict, Verification, grouped};

use crate::error::{Error, Result};
use model_checks::ModelChecks;
use pipeline::Pipeline;
use preconditions::{check_claimed_rows, expected_ids, readable_sources};
use saas_v1::SaasV1;
use saas_v2::SaasV2;
use verdicts::judge;
use violations::Violations;
use whole_tables::check_whole_table;

/// Reads the data set and checks it against the model.
///
/// Memory depends on the number of threads, not on the size of the data set: 250 MiB with two threads and ten million
/// customers.
///
/// # Errors
/// Returns [`Error::Misuse`] if the number of customers can't be determined, or if the claim is of far more rows than the
/// sources have. Returns [`Error::Interrupted`] if `options.stop` was set. Returns the error of a source that fails.
pub fn verify(subject: &Subject<'_>, options: ReadOptions<'_>) -> Result<Verification> {
    let model = subject.model;
    if let Some(laws) = model.laws() {
        return verify_with(SaasV1::new(model.clone(), laws), subject, options);
    }
    if let Some(laws) = model.laws() {
        return verify_with(SaasV2::new(model.clone(), laws), subject, options);
    }
    Err(Error::Internal(format!("there are no checks for the model {}", model.base())))
}

fn verify_with<C: ModelChecks>(checks: C, subject: &Subject<'_>, options: ReadOptions<'_>) -> Result<Verification> {
    let mut violations = Violations::default();
    let readable = readable_sources(subject, &subject.required(), &mut violations);
    check_claimed_rows(subject)?;
    let ids = expected_ids(subject, &readable, &violations)?;
    let pipeline = Pipeline { checks: &checks, subject, ids: &ids, options };
    let mut observations = pipeline.run(&readable, violations)?;
    for source in readable.iter().filter(|source| !source.table().has_customers()) {
        check_whole_table(&checks, subject, *source, &mut observations)?;
    }
    let customers = (ids.end - ids.start) as u64;
    Ok(judge(checks, subject, customers, observations))
}
