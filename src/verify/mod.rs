//! Verifies a data set against the model: the structure of its rows, its statistical laws and, if the seed is known,
//! every value.

mod checks;
mod comparison;
mod derived_model;
mod laws;
mod origin;
mod pipeline;
mod preconditions;
mod reading;
pub mod report;
mod rules;
mod statistics;
mod subject;
mod verdicts;
mod violations;

pub use laws::RetentionPoint;
pub use origin::Origin;
pub use reading::Extent;
pub use statistics::{INTERVAL, Measured};
pub use subject::{Claim, ERROR_RATE, ReadOptions, STRIPE_ROWS, StatedContent, Subject};
pub use verdicts::{Check, Evidence, Verdict, Verification, grouped};

use crate::error::Result;
use crate::tables::Table;
use checks::retention_curves;
use derived_model::DerivedModel;
use pipeline::Pipeline;
use preconditions::{check_claimed_rows, expected_ids, readable_sources};
use verdicts::judge;
use violations::Violations;

/// Reads the data set and checks it against the model.
///
/// Memory depends on the number of threads, not on the size of the data set: 250 MiB with two threads and ten million
/// customers.
///
/// # Errors
/// Returns [`Error::Misuse`](crate::error::Error::Misuse) if the number of customers can't be determined, or if the
/// claim is of far more rows than the sources have. Returns [`Error::Interrupted`](crate::error::Error::Interrupted) if
/// `options.stop` was set. Returns the error of a source that fails.
pub fn verify(subject: &Subject<'_>, options: ReadOptions<'_>) -> Result<Verification> {
    let model = DerivedModel::new(subject.model.clone());
    let mut violations = Violations::default();
    let readable = readable_sources(subject, &mut violations);
    check_claimed_rows(subject)?;
    let ids = expected_ids(subject, &readable, &violations)?;
    let pipeline = Pipeline { model: &model, subject, ids: &ids, options };
    let mut observations = pipeline.run(&readable, violations)?;
    if let Some(source) = readable.iter().find(|source| source.table() == Table::RetentionCurves) {
        retention_curves::check(&model, subject, *source, &mut observations)?;
    }
    let customers = (ids.end - ids.start) as u64;
    Ok(judge(model, subject, customers, observations))
}
