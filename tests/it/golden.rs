//! The values of the models equal those in `tests/golden`. A change of values of saas-v1 is a breaking release; saas-v2 is a
//! preview.
//!
//! `UPDATE_GOLDEN=1 cargo test golden` updates the files.

use crate::support::{data_set, data_set_with, hash, whole};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use saasgen::models::{Table, saas_v1, saas_v2};
use std::fmt::Write;
use std::path::Path;

const SEEDS: [u64; 3] = [42, 7, u64::MAX];
const CUSTOMERS: u64 = 1_000;
const FIRST_ROWS: usize = 8;

fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, golden, "the values differ from {}", path.display());
}

fn content_hashes(tables: &[Table]) -> String {
    let mut text = String::from("seed table rows content_hash\n");
    for seed in SEEDS {
        for &table in tables {
            let rows = whole(&data_set_with(table, seed, CUSTOMERS), table);
            writeln!(text, "{seed} {} {} {}", table.name(), rows.num_rows(), hash(&rows)).unwrap();
        }
    }
    text
}

#[test]
fn content_hashes_do_not_change() {
    assert_golden("content_hashes.txt", &content_hashes(&saas_v1::TABLES));
    assert_golden("content_hashes_saas_v2.txt", &content_hashes(&saas_v2::TABLES));
}

fn first_rows(tables: &[Table]) -> String {
    let mut text = String::new();
    for &table in tables {
        let rows = whole(&data_set_with(table, SEEDS[0], CUSTOMERS), table);
        let names: Vec<&str> = rows.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        writeln!(text, "{}: {}", table.name(), names.join(", ")).unwrap();
        let options = FormatOptions::default();
        let columns: Vec<_> =
            rows.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..FIRST_ROWS {
            let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            writeln!(text, "  {}", cells.join(", ")).unwrap();
        }
    }
    text
}

#[test]
fn first_rows_do_not_change() {
    assert_golden("first_rows.txt", &first_rows(&saas_v1::TABLES));
    assert_golden("first_rows_saas_v2.txt", &first_rows(&saas_v2::TABLES));
}

#[test]
fn the_fingerprint_of_the_default_model_does_not_change() {
    let data_set = data_set(42, 1);
    assert_golden("fingerprint.txt", &format!("{}\n", data_set.model().fingerprint()));
}
