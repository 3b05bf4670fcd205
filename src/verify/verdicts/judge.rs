//! Derives a verdict for every check from what was read.

use super::verification::{Check, Evidence, ReportData, Verdict, Verification};
use crate::batches::TableSource;
use crate::tables::Table;
use crate::verify::checks::Observations;
use crate::verify::comparison::Differences;
use crate::verify::derived_model::DerivedModel;
use crate::verify::laws::{TablesRead, TestedLaw, test_all};
use crate::verify::rules::{Rule, check_name, rules};
use crate::verify::statistics::holm;
use crate::verify::subject::Subject;

/// The name of the comparison value by value.
const EXACT: &str = "every value as generated";

/// Derives the verdict on each check. `customers` is the number of customers that the data set should have.
pub fn judge(model: DerivedModel, subject: &Subject<'_>, customers: u64, observations: Observations) -> Verification {
    let whole_window = subject.has_whole_window();
    let read = TablesRead {
        tables: if whole_window { observations.readable.clone() } else { Vec::new() },
        truth_is_known: observations.aggregates.usage_truth.by_day.total() > 0,
    };
    let laws = test_all(&model, &observations.aggregates, &read);
    let rejected = rejected(&laws, subject.error_rate);
    let mut checks = Vec::new();
    for table in Table::ALL {
        let source = subject.sources.iter().find(|source| source.table() == table);
        if source.is_none() && !subject.required().any(|required| required == table) {
            continue;
        }
        let is_readable = observations.readable.contains(&table);
        for &rule in rules(table).iter().filter(|&&rule| is_readable || rule == Rule::Schema) {
            let needs_missing_truth = rule == Rule::LoggedTruth && !observations.readable.contains(&Table::UsageTruth);
            if (whole_window || rule.applies_to_some_days()) && !needs_missing_truth {
                checks.push(structure(&model, table, rule, source.copied(), &observations));
            }
        }
        for (law, is_rejected) in laws.iter().zip(&rejected).filter(|(law, _)| law.table == table) {
            let (evidence, verdict) = match &law.outcome {
                Ok(measured) => (Evidence::Law(*measured), if *is_rejected { Verdict::Fails } else { Verdict::Holds }),
                Err(reason) => (Evidence::NotRun { reason: reason.clone() }, Verdict::NotRun),
            };
            checks.push(Check { table: table.name(), name: law.name.clone(), evidence, verdict });
        }
        if is_readable && !whole_window {
            let reason = "the data set has only some days of the window".to_string();
            let evidence = Evidence::NotRun { reason };
            checks.push(Check { table: table.name(), name: "laws".into(), evidence, verdict: Verdict::NotRun });
        }
        if let Some((_, differences)) = observations.differences.iter().find(|(compared, _)| *compared == table) {
            let stated = subject.claim.iter().flat_map(|claim| &claim.hashes).find(|(compared, _)| *compared == table);
            checks.push(exact(table, differences, stated.map(|(_, hash)| hash.clone())));
        } else if is_readable && subject.claim.is_some() {
            let evidence = Evidence::NotRun { reason: "the manifest does not list the table".to_string() };
            checks.push(Check { table: table.name(), name: EXACT.into(), evidence, verdict: Verdict::NotRun });
        }
    }
    let data = ReportData { model, aggregates: observations.aggregates, read };
    let model = &data.model;
    Verification {
        model: model.source.name().to_string(),
        fingerprint: model.source.fingerprint().to_string(),
        customers,
        holds: checks.iter().all(|check| check.verdict != Verdict::Fails),
        error_rate: subject.error_rate,
        checks,
        retention: data.retention(),
        data,
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

fn structure(
    model: &DerivedModel,
    table: Table,
    rule: Rule,
    source: Option<&dyn TableSource>,
    observations: &Observations,
) -> Check {
    let found = observations.violations.get(table, rule);
    let must_hold = rule != Rule::Order || source.is_some_and(TableSource::declares_order);
    let (evidence, verdict) = match (found.count, must_hold) {
        (0, _) => (Evidence::Structure { violations: 0, examples: Vec::new() }, Verdict::Holds),
        (violations, true) => (Evidence::Structure { violations, examples: found.examples }, Verdict::Fails),
        (violations, false) => {
            let reason = format!("{violations} rows are out of order, but the files don't state that they are sorted");
            (Evidence::NotRun { reason }, Verdict::NotRun)
        }
    };
    Check { table: table.name(), name: check_name(model, table, rule), evidence, verdict }
}

fn exact(table: Table, differences: &Differences, stated_hash: Option<String>) -> Check {
    let content_hash = differences.hash.to_string();
    let holds = differences.count() == 0 && stated_hash.as_ref().is_none_or(|stated| *stated == content_hash);
    let evidence = Evidence::Exact {
        equal: differences.equal,
        changed: differences.changed,
        missing: differences.missing,
        extra: differences.extra,
        first_difference: differences.first.clone(),
        content_hash,
        stated_hash,
    };
    let verdict = if holds { Verdict::Holds } else { Verdict::Fails };
    Check { table: table.name(), name: EXACT.into(), evidence, verdict }
}
