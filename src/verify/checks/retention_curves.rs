//! Checks of `retention_curves`.

use super::observations::Observations;
use crate::batches::TableSource;
use crate::error::Result;
use crate::tables::Table;
use crate::verify::comparison::{Differences, RegeneratedTable};
use crate::verify::derived_model::DerivedModel;
use crate::verify::reading::{Converter, Extent, Rows};
use crate::verify::rules::Rule;
use crate::verify::subject::Subject;
use crate::verify::violations::Violations;

/// Compares the curves with the closed form and, if they are claimed, with the regenerated rows.
pub fn check(
    model: &DerivedModel,
    subject: &Subject<'_>,
    source: &dyn TableSource,
    observations: &mut Observations,
) -> Result<()> {
    let (table, parameters) = (Table::RetentionCurves, subject.model.parameters());
    let converter = Converter::new(table, parameters);
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
    check_rows(model, &rows, &mut observations.violations);
    let scans = subject.claim.iter().flat_map(|claim| &claim.scans);
    if let Some(scan) = scans.into_iter().find(|scan| scan.table() == table) {
        let ids = scan.ids();
        let expected = RegeneratedTable::new(scan.clone(), subject).rows(&(ids.start as i64..ids.end as i64))?;
        let rows = rows.sorted();
        observations.differences.push((table, Differences::compare(&rows, 0..rows.len(), expected, parameters)));
    }
    Ok(())
}

fn check_rows(model: &DerivedModel, rows: &Rows, violations: &mut Violations) {
    let mut seen = vec![vec![false; model.days()]; model.plans.len()];
    for row in 0..rows.len() {
        let mut note = |rule| violations.record(rows.table(), rule, || rows.describe(row, model.parameters()));
        let (plan, age) = (usize::from(rows.text(0)[row]), usize::try_from(rows.int32(1)[row]));
        match seen.get_mut(plan).and_then(|ages| ages.get_mut(age.ok()?)) {
            None => note(Rule::Ids),
            Some(true) => note(Rule::UniqueKeys),
            Some(slot) => {
                *slot = true;
                let expected = model.plans[plan].active[age.unwrap_or_default()];
                // The exponential function of another program may differ in the last bits.
                if !((rows.floats(2)[row] - expected).abs() <= 1e-12) {
                    note(Rule::Curve);
                }
            }
        }
    }
    for (plan, ages) in model.plans.iter().zip(&seen) {
        for age in (0..ages.len()).filter(|&age| !ages[age]) {
            violations.record(rows.table(), Rule::Ids, || format!("plan {} has no day {age}", plan.name));
        }
    }
}
