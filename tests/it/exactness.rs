//! The comparison value by value counts the differences and describes the first one.

use crate::mutants::{assert_fails, verify_edited};
use crate::support::{data_set, int32, int64, whole};
use crate::tables_in_memory::{MemoryTable, twice, with_column, with_numbers, with_text, without};
use crate::verification::verified;
use arrow::array::{AsArray, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use saasgen::batches::{ScanSource, TableSource};
use saasgen::scan::Scan;
use saasgen::tables::{DataSet, Table};
use saasgen::verify::{Claim, ERROR_RATE, Evidence, Verdict};
use std::sync::Arc;

fn claim(data_set: &DataSet, hashes: Vec<(Table, String)>) -> Claim {
    let tables = [Table::Customers, Table::UsageDaily, Table::Billing, Table::Support, Table::RetentionCurves];
    Claim { scans: tables.map(|table| Scan::whole(data_set, table)).into(), hashes }
}

#[test]
fn one_wrong_value_is_found_and_described() {
    let small = data_set(7, 3_000);
    let tables = [Table::Customers, Table::UsageDaily, Table::Billing, Table::Support, Table::RetentionCurves];
    let usage = whole(&small, Table::UsageDaily);
    let exact = |edited: Vec<(Table, RecordBatch)>, table: Table| {
        let verification = verify_edited(&small, &tables, edited, Some(claim(&small, Vec::new())));
        let found = verification.check(table, "every value as generated").unwrap().clone();
        let Evidence::Exact { equal, changed, missing, extra, first_difference, .. } = found.evidence else { panic!() };
        assert_eq!(found.verdict == Verdict::Fails, !verification.holds);
        (equal, [changed, missing, extra], first_difference.unwrap_or_default())
    };
    let rows = usage.num_rows() as u64;
    assert_eq!(exact(Vec::new(), Table::UsageDaily), (rows, [0; 3], String::new()));

    let (id, was) = (int64(&usage, "customer_id")[1_000], int32(&usage, "usage_minutes")[1_000]);
    let flipped = with_numbers(&usage, "usage_minutes", |values| values[1_000] ^= 1);
    let (equal, counts, first) = exact(vec![(Table::UsageDaily, flipped)], Table::UsageDaily);
    assert_eq!((equal, counts), (rows - 1, [1, 0, 0]));
    assert!(first.starts_with(&format!("customer_id {id}, date ")), "{first}");
    assert!(first.ends_with(&format!("; the model generates usage_minutes {was}")), "{first}");

    let (equal, counts, first) = exact(vec![(Table::UsageDaily, without(&usage, |row| row == 50))], Table::UsageDaily);
    assert_eq!((equal, counts), (rows - 1, [0, 1, 0]));
    assert!(first.starts_with("this row is missing: customer_id "), "{first}");

    let (equal, counts, first) = exact(vec![(Table::UsageDaily, twice(&usage, 50))], Table::UsageDaily);
    assert_eq!((equal, counts), (rows, [0, 0, 1]));
    assert!(first.starts_with("the model does not generate this row: customer_id "), "{first}");

    let customers = whole(&small, Table::Customers);
    let moved = with_text(&customers, "region", |regions| regions[9] = "Moon".into());
    let (_, counts, first) = exact(vec![(Table::Customers, moved)], Table::Customers);
    assert_eq!(counts, [1, 0, 0]);
    assert!(first.starts_with("customer_id 10, ") && first.contains("region an unknown name"), "{first}");

    let curves = whole(&small, Table::RetentionCurves);
    let column = curves.column_by_name("retention_probability").unwrap();
    let mut values = column.as_primitive::<Float64Type>().values().to_vec();
    values[600] *= 1.001;
    let bent = with_column(&curves, "retention_probability", Arc::new(Float64Array::from(values)));
    let bent = MemoryTable::new(Table::RetentionCurves, bent);
    let rest: Vec<ScanSource> = tables[..4].iter().map(|&table| ScanSource::new(Scan::whole(&small, table))).collect();
    let sources = rest.iter().map(|source| source as &dyn TableSource).chain([&bent as &dyn TableSource]);
    let verification =
        verified(&small, &sources.collect::<Vec<_>>(), Some(claim(&small, Vec::new())), ERROR_RATE).unwrap();
    assert_fails(&verification, Table::RetentionCurves, "base x exp(-day / decay)");
    assert_fails(&verification, Table::RetentionCurves, "every value as generated");
}

#[test]
fn a_wrong_content_hash_in_the_manifest_fails() {
    let small = data_set(7, 100);
    let stated = vec![(Table::Billing, "0".repeat(32))];
    let tables = [Table::Customers, Table::UsageDaily, Table::Billing, Table::Support, Table::RetentionCurves];
    let verification = verify_edited(&small, &tables, Vec::new(), Some(claim(&small, stated)));
    assert_fails(&verification, Table::Billing, "every value as generated");
    let fails = verification.checks.iter().filter(|check| check.verdict == Verdict::Fails).count();
    assert_eq!(fails, 1);
}
