//! Reads and checks tables without customers. They are small, so each is read whole.

use super::comparison::{Differences, RegeneratedTable};
use super::model_checks::ModelChecks;
use super::observations::Observations;
use super::reading::{Converter, Extent, Rows};
use super::subject::Subject;
use crate::batches::TableSource;
use crate::error::Result;

/// Checks the rows of `source`, which has no customers, and compares them with the regenerated rows if the table is
/// claimed.
///
/// # Errors
/// Returns the error of a source that fails.
pub fn check_whole_table<C: ModelChecks>(
    checks: &C,
    subject: &Subject<'_>,
    source: &dyn TableSource,
    observations: &mut Observations<C::Aggregates>,
) -> Result<()> {
    let table = source.table();
    let converter = Converter::new(table, subject.model);
    let mut parts = Vec::new();
    let mut extent = Extent::default();
    for row_group in 0..source.row_groups() {
        for batch in source.batches(row_group)? {
            let batch = batch?;
            let rows = converter.rows(&batch, &mut observations.violations)?;
            extent.add(batch.num_rows(), &rows);
            parts.push(rows);
        }
    }
    observations.extents.push((table, extent));
    let rows = Rows::concat(table, parts);
    checks.check_table(&rows, &mut observations.aggregates, &mut observations.violations);
    let scans = subject.claim.iter().flat_map(|claim| &claim.scans);
    if let Some(scan) = scans.into_iter().find(|scan| scan.table() == table) {
        let ids = scan.ids();
        let expected = RegeneratedTable::new(scan.clone(), subject).rows(&(ids.start as i64..ids.end as i64))?;
        let rows = rows.sorted();
        observations.differences.push((table, Differences::compare(&rows, 0..rows.len(), expected, subject.model)));
    }
    Ok(())
}
