//! Derives a verdict for every check from what was read.

use super::numbers::grouped;
use super::verification::{Check, Evidence, Verdict, Verification};
use crate::batches::ContentHash;
use crate::models::Table;
use crate::verify::comparison::Differences;
use crate::verify::model_checks::{ModelChecks, TestedLaw};
use crate::verify::observations::Observations;
use crate::verify::rules::Rule;
use crate::verify::statistics::holm;
use crate::verify::subject::{StatedContent, Subject};
use crate::verify::violations::RuleViolations;

/// The name of the comparison value by value.
const EXACT: &str = "every value as generated";

/// Derives the verdict on each check. `customers` is the number of customers that the data set should have.
pub fn judge<C: ModelChecks>(
    model_checks: C,
    subject: &Subject<'_>,
    customers: u64,
    observations: Observations<C::Aggregates>,
) -> Verification {
    let whole_window = subject.has_whole_window();
    let read = if whole_window { observations.readable.clone() } else { Vec::new() };
    let laws = model_checks.test_laws(&observations.aggregates, &read);
    let (all, required) = (subject.model.tables(), subject.required());
    let rejected = rejected(&laws, subject.error_rate);
    let stated = || subject.claim.iter().flat_map(|claim| &claim.checks);
    // Statements about the data set, and not about a table, come first.
    let mut checks: Vec<Check> =
        stated().filter(|check| !all.iter().any(|table| table.name() == check.table)).cloned().collect();
    for &table in all {
        let source = subject.sources.iter().find(|source| source.table() == table);
        if source.is_none() && !required.contains(&table) {
            continue;
        }
        let is_readable = observations.readable.contains(&table);
        for (rule, name) in model_checks.rules(table, &observations.readable) {
            if (is_readable || rule == Rule::Schema) && (whole_window || rule.applies_to_some_days()) {
                let must_hold = rule != Rule::Order || source.is_some_and(|source| source.declares_order());
                checks.push(structure(table, name, observations.violations.get(table, rule), must_hold));
            }
        }
        for (law, is_rejected) in laws.iter().zip(&rejected).filter(|(law, _)| law.table == table) {
            let verdict = if *is_rejected { Verdict::Fails } else { Verdict::Holds };
            let (table, name) = (table.name(), law.name.clone());
            checks.push(match &law.outcome {
                Ok(measured) => Check { table, name, evidence: Evidence::Law(*measured), verdict },
                Err(reason) => Check::not_run(table, name, reason),
            });
        }
        if is_readable && !whole_window {
            checks.push(Check::not_run(table.name(), "laws", "the data set has only some days of the window"));
        }
        if let Some((_, differences)) = observations.differences.iter().find(|(compared, _)| *compared == table) {
            checks.push(exact(table, differences, subject));
        } else if is_readable && subject.claim.is_some() {
            checks.push(Check::not_run(table.name(), EXACT, "the manifest does not list the table"));
        }
        checks.extend(stated().filter(|check| check.table == table.name()).cloned());
    }
    let tables = observations.extents.iter().map(|(table, extent)| (table.name(), *extent)).collect();
    let model_report = model_checks.into_report(observations.aggregates, read);
    Verification {
        model: subject.model.name().to_string(),
        fingerprint: subject.model.fingerprint().to_string(),
        customers,
        holds: checks.iter().all(|check| check.verdict != Verdict::Fails),
        error_rate: subject.error_rate,
        model_tables: all,
        tables,
        checks,
        curves: model_report.curves(),
        model_report,
    }
}

fn rejected(laws: &[TestedLaw], error_rate: f64) -> Vec<bool> {
    let tested: Vec<(usize, f64)> =
        laws.iter().enumerate().filter_map(|(index, law)| Some((index, law.outcome.as_ref().ok()?.p))).collect();
    let p_values: Vec<f64> = tested.iter().map(|&(_, p)| p).collect();
    let mut rejected = vec![false; laws.len()];
    for (&(index, p), is_rejected) in tested.iter().zip(holm(&p_values, error_rate)) {
        // A value that is not a number fails.
        rejected[index] = is_rejected || p.is_nan();
    }
    rejected
}

/// Derives the verdict on a rule from the violations that were found. Only a rule of order need not hold.
fn structure(table: Table, name: String, found: RuleViolations, must_hold: bool) -> Check {
    if found.count > 0 && !must_hold {
        let reason = format!("{} rows are out of order, but the files don't state that they are sorted", found.count);
        return Check::not_run(table.name(), name, reason);
    }
    Check::structure(table.name(), name, found.count, found.examples)
}

fn exact(table: Table, differences: &Differences, subject: &Subject<'_>) -> Check {
    let contents = subject.contents(table).map(|content| (content, differences.hash_of(&content.ids)));
    let wrong_statements: Vec<String> = contents.flat_map(|(content, hash)| wrong_statements(content, hash)).collect();
    let holds = differences.count() == 0 && wrong_statements.is_empty();
    let evidence = Evidence::Exact {
        equal: differences.equal,
        changed: differences.changed,
        missing: differences.missing,
        extra: differences.extra,
        first_difference: differences.first.clone(),
        content_hash: differences.hash().to_string(),
        wrong_statements,
    };
    let verdict = if holds { Verdict::Holds } else { Verdict::Fails };
    Check { table: table.name(), name: EXACT.into(), evidence, verdict }
}

/// Returns the statements of a manifest that are wrong about the generated rows.
fn wrong_statements(content: &StatedContent, generated: ContentHash) -> impl Iterator<Item = String> {
    let rows = [content.rows, generated.rows()];
    let hashes = [content.hash.clone(), generated.to_string()];
    let name = &content.manifest;
    let rows = (rows[0] != rows[1]).then(|| {
        let [stated, generated] = rows.map(grouped);
        format!("{name} states {stated} rows, but the model generates {generated}")
    });
    let hash = (hashes[0] != hashes[1])
        .then(|| format!("{name} states the content hash {}, but the model generates {}", hashes[0], hashes[1]));
    rows.into_iter().chain(hash)
}
