//! The checks of `retention_curves`.

use super::convert::Converter;
use super::exact::{Differences, Generated};
use super::facts::Facts;
use super::findings::{Findings, Rule};
use super::rows::Rows;
use super::{Found, Subject};
use crate::batches::TableSource;
use crate::error::Result;
use crate::tables::Table;

/// Holds the curves against the closed form, and against what the model gives.
pub(super) fn check(facts: &Facts, subject: &Subject<'_>, source: &dyn TableSource, found: &mut Found) -> Result<()> {
    let (table, parameters) = (Table::RetentionCurves, subject.model.parameters());
    let converter = Converter::new(table, parameters);
    let mut parts = Vec::new();
    for row_group in 0..source.row_groups() {
        for batch in source.batches(row_group)? {
            parts.push(converter.rows(&batch?, &mut found.findings)?);
        }
    }
    let rows = Rows::concat(table, parts);
    check_rows(facts, &rows, &mut found.findings);
    let scans = subject.claim.iter().flat_map(|claim| &claim.scans);
    if let Some(scan) = scans.into_iter().find(|scan| scan.table() == table) {
        let ids = scan.ids();
        let expected = Generated::new(scan.clone()).rows(&(ids.start as i64..ids.end as i64))?;
        let rows = rows.sorted();
        found.differences.push((table, Differences::between(&rows, 0..rows.len(), &expected, parameters)));
    }
    Ok(())
}

fn check_rows(facts: &Facts, rows: &Rows, findings: &mut Findings) {
    let mut seen = vec![vec![false; facts.days()]; facts.plans.len()];
    for row in 0..rows.len() {
        let mut note = |rule| findings.note(rows.table(), rule, || rows.describe(row, facts.model.parameters()));
        let (plan, age) = (usize::from(rows.text(0)[row]), usize::try_from(rows.int32(1)[row]));
        match seen.get_mut(plan).and_then(|ages| ages.get_mut(age.ok()?)) {
            None => note(Rule::Ids),
            Some(true) => note(Rule::UniqueKeys),
            Some(slot) => {
                *slot = true;
                let expected = facts.plans[plan].active[age.unwrap_or_default()];
                // Exponentials of other programs may differ in their last bits.
                if !((rows.floats(2)[row] - expected).abs() <= 1e-12) {
                    note(Rule::Curve);
                }
            }
        }
    }
    for (plan, ages) in facts.plans.iter().zip(&seen) {
        for age in (0..ages.len()).filter(|&age| !ages[age]) {
            findings.note(rows.table(), Rule::Ids, || format!("plan {} has no day {age}", plan.name));
        }
    }
}
