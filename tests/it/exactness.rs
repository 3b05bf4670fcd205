//! The comparison value by value counts the differences and describes the first one.

use crate::mutants::{assert_fails, verify_edited};
use crate::support::{data_set, int32, int64, whole};
use crate::tables_in_memory::{MemoryTable, twice, with_column, with_numbers, with_text, without};
use crate::verification::verified;
use arrow::array::{AsArray, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use saasgen::batches::{ContentHash, ScanSource, TableSource};
use saasgen::models::{DataSet, Table, saas_v1};
use saasgen::scan::Scan;
use saasgen::verify::{Claim, ERROR_RATE, Evidence, StatedContent, Verdict};
use std::sync::Arc;

fn claim(data_set: &DataSet) -> Claim {
    let tables =
        [saas_v1::CUSTOMERS, saas_v1::USAGE_DAILY, saas_v1::BILLING, saas_v1::SUPPORT, saas_v1::RETENTION_CURVES];
    Claim::of_rows(tables.map(|table| Scan::whole(data_set, table)).into())
}

#[test]
fn one_wrong_value_is_found_and_described() {
    let small = data_set(7, 3_000);
    let tables =
        [saas_v1::CUSTOMERS, saas_v1::USAGE_DAILY, saas_v1::BILLING, saas_v1::SUPPORT, saas_v1::RETENTION_CURVES];
    let usage = whole(&small, saas_v1::USAGE_DAILY);
    let exact = |edited: Vec<(Table, RecordBatch)>, table: Table| {
        let verification = verify_edited(&small, &tables, edited, Some(claim(&small)));
        let found = verification.check(table, "every value as generated").unwrap().clone();
        let Evidence::Exact { equal, changed, missing, extra, first_difference, .. } = found.evidence else { panic!() };
        assert_eq!(found.verdict == Verdict::Fails, !verification.holds);
        (equal, [changed, missing, extra], first_difference.unwrap_or_default())
    };
    let rows = usage.num_rows() as u64;
    assert_eq!(exact(Vec::new(), saas_v1::USAGE_DAILY), (rows, [0; 3], String::new()));

    let (id, was) = (int64(&usage, "customer_id")[1_000], int32(&usage, "usage_minutes")[1_000]);
    let flipped = with_numbers(&usage, "usage_minutes", |values| values[1_000] ^= 1);
    let (equal, counts, first) = exact(vec![(saas_v1::USAGE_DAILY, flipped)], saas_v1::USAGE_DAILY);
    assert_eq!((equal, counts), (rows - 1, [1, 0, 0]));
    assert!(first.starts_with(&format!("customer_id {id}, date ")), "{first}");
    assert!(first.ends_with(&format!("; the model generates usage_minutes {was}")), "{first}");

    let (equal, counts, first) =
        exact(vec![(saas_v1::USAGE_DAILY, without(&usage, |row| row == 50))], saas_v1::USAGE_DAILY);
    assert_eq!((equal, counts), (rows - 1, [0, 1, 0]));
    assert!(first.starts_with("this row is missing: customer_id "), "{first}");

    let (equal, counts, first) = exact(vec![(saas_v1::USAGE_DAILY, twice(&usage, 50))], saas_v1::USAGE_DAILY);
    assert_eq!((equal, counts), (rows, [0, 0, 1]));
    assert!(first.starts_with("the model does not generate this row: customer_id "), "{first}");

    let customers = whole(&small, saas_v1::CUSTOMERS);
    let moved = with_text(&customers, "region", |regions| regions[9] = "Moon".into());
    let (_, counts, first) = exact(vec![(saas_v1::CUSTOMERS, moved)], saas_v1::CUSTOMERS);
    assert_eq!(counts, [1, 0, 0]);
    assert!(first.starts_with("customer_id 10, ") && first.contains("region an unknown name"), "{first}");

    let curves = whole(&small, saas_v1::RETENTION_CURVES);
    let column = curves.column_by_name("retention_probability").unwrap();
    let mut values = column.as_primitive::<Float64Type>().values().to_vec();
    values[600] *= 1.001;
    let bent = with_column(&curves, "retention_probability", Arc::new(Float64Array::from(values)));
    let bent = MemoryTable::new(saas_v1::RETENTION_CURVES, bent);
    let rest: Vec<ScanSource> = tables[..4].iter().map(|&table| ScanSource::new(Scan::whole(&small, table))).collect();
    let sources = rest.iter().map(|source| source as &dyn TableSource).chain([&bent as &dyn TableSource]);
    let verification = verified(&small, &sources.collect::<Vec<_>>(), Some(claim(&small)), ERROR_RATE).unwrap();
    assert_fails(&verification, saas_v1::RETENTION_CURVES, "base x exp(-day / decay)");
    assert_fails(&verification, saas_v1::RETENTION_CURVES, "every value as generated");
}

#[test]
fn wrong_rows_or_a_wrong_content_hash_in_the_manifest_fail() {
    let small = data_set(7, 100);
    let tables =
        [saas_v1::CUSTOMERS, saas_v1::USAGE_DAILY, saas_v1::BILLING, saas_v1::SUPPORT, saas_v1::RETENTION_CURVES];
    let mut right = ContentHash::new();
    right.update(&whole(&small, saas_v1::BILLING)).unwrap();
    for (rows, hash, fails, detail) in [
        (right.rows(), right.to_string(), 0, ""),
        (7, right.to_string(), 1, "m.json states 7 rows, but the model generates "),
        (right.rows(), "0".repeat(32), 1, "m.json states the content hash 0000"),
    ] {
        let (manifest, table, ids) = ("m.json".to_string(), saas_v1::BILLING, 1..101);
        let contents = vec![StatedContent { manifest, table, ids, rows, hash }];
        let claim = Claim { contents, ..claim(&small) };
        let verification = verify_edited(&small, &tables, Vec::new(), Some(claim));
        assert_eq!(verification.count(Verdict::Fails), fails, "{detail}");
        if fails > 0 {
            assert_fails(&verification, saas_v1::BILLING, "every value as generated");
            let check = verification.check(saas_v1::BILLING, "every value as generated").unwrap();
            assert!(check.evidence.details().concat().starts_with(detail), "{:?}", check.evidence.details());
        }
    }
}
