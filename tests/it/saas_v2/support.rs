//! Data sets of saas-v2 for tests.

use saasgen::models::saas_v2::parameters::Parameters;
use saasgen::models::saas_v2::{Laws, Life, SeededLaws, table_rows};
use saasgen::models::{Column, ColumnSet, Table};
use std::sync::Arc;

/// Returns the data set of the default parameters after `change`.
pub fn data_set_of(change: impl FnOnce(&mut Parameters), seed: u64) -> SeededLaws {
    let mut parameters = Parameters::saas_v2().unwrap();
    change(&mut parameters);
    SeededLaws::new(Arc::new(Laws::of(parameters).unwrap()), seed)
}

/// Returns all columns of `table` for the first `count` customers.
pub fn generated(data_set: &SeededLaws, table: Table, count: u64) -> Vec<Column> {
    let days = data_set.laws().window().range();
    let last = if table.has_customers() { count } else { 1 };
    table_rows(data_set.clone(), table, days, ColumnSet::all(table)).of(1..last + 1)
}

/// Calls `visit` with the life of each of the first `count` customers.
pub fn each_customer(data_set: &SeededLaws, count: u64, mut visit: impl FnMut(&Life)) {
    for id in 1..=count {
        visit(&Life::of(data_set, id));
    }
}
