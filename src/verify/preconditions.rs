//! Conditions that are checked before any row is read.

use super::reading::Converter;
use super::rules::Rule;
use super::subject::Subject;
use super::violations::Violations;
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::models::Table;
use std::ops::Range;

/// Returns the sources whose columns can all be read. Records a violation for each missing or unreadable column, and for
/// each table of `required` that is missing.
pub fn readable_sources<'a>(
    subject: &Subject<'a>,
    required: &[Table],
    violations: &mut Violations,
) -> Vec<&'a dyn TableSource> {
    let mut readable = Vec::new();
    let is_missing = |table: Table| !subject.sources.iter().any(|source| source.table() == table);
    for &table in required.iter().filter(|&&table| is_missing(table)) {
        violations.record(table, Rule::Schema, || "the table is missing".to_string());
    }
    for source in subject.sources {
        let converter = Converter::new(source.table(), subject.model);
        let schemas = source.file_schemas();
        let wrong = schemas.iter().flat_map(|(file, schema)| {
            let place = if schemas.len() > 1 { format!("{file}: ") } else { String::new() };
            converter.unreadable_columns(schema).into_iter().map(move |text| format!("{place}{text}"))
        });
        let wrong: Vec<String> = wrong.collect();
        if wrong.is_empty() {
            readable.push(*source);
        }
        wrong.into_iter().for_each(|text| violations.record(source.table(), Rule::Schema, || text));
    }
    readable
}

/// The number of missing rows to tolerate in a claim. Regenerating and counting them takes some seconds.
const MISSING_ROWS: f64 = 1e8;

/// Refuses a claim of far more rows than the sources have. Counting all missing rows could take days.
///
/// # Errors
/// Returns [`Error::Misuse`] for such a claim.
pub fn check_claimed_rows(subject: &Subject<'_>) -> Result<()> {
    for scan in subject.claim.iter().flat_map(|claim| &claim.scans) {
        let source = subject.sources.iter().find(|source| source.table() == scan.table());
        let Some(rows) = source.and_then(|source| source.rows()) else { continue };
        let expected = scan.expected_rows().rows;
        if expected > MISSING_ROWS + 10.0 * rows as f64 {
            return Err(Error::Misuse(format!(
                "the manifest states {} customers, for which {} should have about {expected:.0} rows, but it has {rows}: \
                 this is not the manifest of these files, remove it to check the files without it",
                scan.data_set().customers(),
                scan.table().name(),
            )));
        }
    }
    Ok(())
}

/// Returns the ids of the customers that the data set should have: the claimed ids or, without a claim, 1 to the
/// largest id of the table that has one row for each customer.
///
/// # Errors
/// Returns [`Error::Misuse`] if there is neither a claim nor a readable table of customers with rows.
pub fn expected_ids(
    subject: &Subject<'_>,
    readable: &[&dyn TableSource],
    violations: &Violations,
) -> Result<Range<i64>> {
    let claimed = subject.claim.iter().flat_map(|claim| &claim.scans).find(|scan| scan.table().has_customers());
    if let Some(scan) = claimed {
        let ids = scan.ids();
        return Ok(ids.start as i64..ids.end as i64);
    }
    let table = subject.customers_table();
    let table = table.ok_or_else(|| Error::Internal("the model has no table with one row for each customer".into()))?;
    let customers = readable.iter().find(|source| source.table() == table).ok_or_else(|| {
        let reasons = violations.get(table, Rule::Schema).examples.join("; ");
        Error::Misuse(format!(
            "there is no readable {} table ({reasons}): without it, or a manifest that names the data set, no other \
             table can be checked",
            table.name()
        ))
    })?;
    let row_groups = 0..customers.row_groups();
    let largest = row_groups.filter_map(|row_group| customers.customer_ids(row_group).map(|ids| *ids.end())).max();
    let rows = customers.rows().map(|rows| rows as i64);
    // If rows are missing or duplicate, the largest id is still the number of customers. If ids are not numbered from
    // 1, the number of rows is a better guess.
    let plausible = largest.filter(|&largest| largest > 0 && rows.is_none_or(|rows| largest / 2 <= rows));
    let count = plausible.or(rows).unwrap_or(0);
    if count == 0 {
        let name = table.name();
        return Err(Error::Misuse(format!("the {name} table has no rows, so there is nothing to check")));
    }
    Ok(1..count + 1)
}
