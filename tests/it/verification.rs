//! What `verify` finds in right data sets: nothing, at the stated rate, whatever the seed.

use crate::support::data_set;
use saasgen::batches::{ScanSource, TableSource};
use saasgen::scan::Scan;
use saasgen::tables::{DataSet, Table};
use saasgen::verify::{Claim, Evidence, ReadOptions, Subject, Verification, verify};
use saasgen::workers::run_in_order;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

/// Verifies `sources` against the model of `data_set`; of right data sets, `error_rate` fail a law.
pub fn verified(
    data_set: &DataSet,
    sources: &[&dyn TableSource],
    claim: Option<Claim>,
    error_rate: f64,
) -> saasgen::error::Result<Verification> {
    let options = ReadOptions { threads: 2, stop: &AtomicBool::new(false), progress: &|_| () };
    verify(&Subject { model: data_set.model(), sources, claim, error_rate }, options)
}

/// Verifies tables as they are generated, of which nothing is said.
fn verified_tables(data_set: &DataSet, tables: &[Table], error_rate: f64) -> Verification {
    let sources: Vec<ScanSource> = tables.iter().map(|&table| ScanSource::new(Scan::whole(data_set, table))).collect();
    let sources: Vec<&dyn TableSource> = sources.iter().map(|source| source as &dyn TableSource).collect();
    verified(data_set, &sources, None, error_rate).unwrap()
}

/// How likely so large a distance between an empirical law of `count` values and the true one is (Kolmogorov, with
/// M. A. Stephens's correction for few values).
fn kolmogorov(distance: f64, count: f64) -> f64 {
    let root = count.sqrt();
    let x = distance * (root + 0.12 + 0.11 / root);
    (1..=100).map(|k| f64::from(k)).map(|k| 2.0 * (-1.0_f64).powf(k - 1.0) * (-2.0 * k * k * x * x).exp()).sum()
}

const SEEDS: u64 = 200;
const CUSTOMERS: u64 = 4_000;

/// Of right families, the share that is rejected in the test below.
const TEST_RATE: f64 = 0.1;

/// Whether Holm's rule rejects any law of the tables that every data set has; `usage_truth` has most of its rows in
/// common with `usage_daily`.
fn is_alarm(verification: &Verification) -> bool {
    let laws = verification.checks.iter().filter(|check| check.table != Table::UsageTruth.name());
    let p_values: Vec<f64> = laws
        .filter_map(|check| match check.evidence {
            Evidence::Law(measured) => Some(measured.p),
            _ => None,
        })
        .collect();
    p_values.iter().any(|&p| p <= TEST_RATE / p_values.len() as f64)
}

/// The p-values of each law, over many seeds, are uniform: a law's test is neither blind nor easily alarmed. Each is
/// held to a significance of 1e-5 over 80 of them. Alarms of families come as often as stated, within 4 sd.
#[test]
fn p_values_are_uniform_and_alarms_as_rare_as_stated() {
    let mut p_values: BTreeMap<(&'static str, String), Vec<f64>> = BTreeMap::new();
    let mut alarms = 0;
    let seeds: Vec<u64> = (1..=SEEDS).collect();
    let verified = |seed| Ok(verified_tables(&data_set(seed, CUSTOMERS), &Table::ALL, TEST_RATE));
    run_in_order(&seeds, 2, verified, |_, verification| {
        alarms += u32::from(is_alarm(&verification));
        for check in verification.checks {
            match check.evidence {
                Evidence::Structure { violations, examples } => {
                    assert_eq!(violations, 0, "{}: {examples:?}", check.name);
                }
                Evidence::Law(measured) => {
                    p_values.entry((check.table, check.name)).or_default().push(measured.p);
                }
                Evidence::Exact { .. } => panic!("nothing was claimed"),
                Evidence::NotRun { reason } => panic!("{} {}: {reason}", check.table, check.name),
            }
        }
        Ok(())
    })
    .unwrap();
    assert!(p_values.len() >= 80, "{} laws", p_values.len());
    for ((table, name), mut values) in p_values {
        values.sort_by(f64::total_cmp);
        assert_eq!(values.len() as u64, SEEDS);
        let count = values.len() as f64;
        let distance = values
            .iter()
            .enumerate()
            .map(|(i, p)| (p - i as f64 / count).max((i + 1) as f64 / count - p))
            .fold(0.0, f64::max);
        let significance = kolmogorov(distance, count);
        if significance < 0.01 {
            eprintln!("{table} {name}: {significance:.2e} min {:.2e}", values[0]);
        }
        assert!(significance > 1e-5, "{table} {name}: p-values are not uniform, {significance:e}; {values:.3?}");
    }
    let (expected, sd) = (SEEDS as f64 * TEST_RATE, (SEEDS as f64 * TEST_RATE * (1.0 - TEST_RATE)).sqrt());
    assert!((f64::from(alarms) - expected).abs() <= 4.0 * sd, "{alarms} alarms, {expected} ± {sd} expected");
}
