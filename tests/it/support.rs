//! Helpers of many tests: data sets, rows and comparisons.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Date32Type, Int8Type, Int32Type, Int64Type};
use saasgen::batches::{Batches, ContentHash};
use saasgen::models::{DataSet, Model, Table, saas_v1, saas_v2};
use saasgen::scan::{RequestKind, Scan, ScanRequest};
use std::sync::OnceLock;

/// Returns the default model, whose laws are built once.
pub fn model() -> Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Model::saas_v1().unwrap()).clone()
}

/// Returns the tables of all built-in models.
pub fn all_tables() -> impl Iterator<Item = Table> {
    saas_v1::TABLES.into_iter().chain(saas_v2::TABLES)
}

/// Returns a data set of the model that `table` belongs to.
pub fn data_set_with(table: Table, seed: u64, customers: u64) -> DataSet {
    static SAAS_V2: OnceLock<Model> = OnceLock::new();
    let model = match table.model() {
        saas_v2::VERSION => SAAS_V2.get_or_init(|| Model::saas_v2().unwrap()).clone(),
        _ => model(),
    };
    DataSet::new(model, seed, customers).unwrap()
}

/// Returns a data set of the default model.
pub fn data_set(seed: u64, customers: u64) -> DataSet {
    DataSet::new(model(), seed, customers).unwrap()
}

/// Returns a data set of the default model with the keys in `overlay` replaced.
pub fn data_set_of(overlay: &str, seed: u64, customers: u64) -> DataSet {
    DataSet::new(Model::from_overlay(overlay).unwrap(), seed, customers).unwrap()
}

/// Returns the scan for the ticket `text`.
pub fn scan(data_set: &DataSet, text: &str) -> Scan {
    Scan::resolve(data_set, &ScanRequest::from_text(text).unwrap(), RequestKind::Ticket).unwrap().0
}

/// Returns all rows of a scan as one batch.
pub fn rows(scan: Scan) -> RecordBatch {
    let batches = Batches::new(scan);
    concat(&batches, batches.iter().map(|batch| batch.unwrap()))
}

/// Concatenates batches of a scan.
pub fn concat(batches: &Batches, parts: impl IntoIterator<Item = RecordBatch>) -> RecordBatch {
    let parts: Vec<_> = parts.into_iter().collect();
    concat_batches(&batches.schema(), &parts).unwrap()
}

/// Returns all rows of a table as one batch.
pub fn whole(data_set: &DataSet, table: Table) -> RecordBatch {
    rows(Scan::whole(data_set, table))
}

/// Returns the content hash of a batch.
pub fn hash(batch: &RecordBatch) -> String {
    let mut hash = ContentHash::new();
    hash.update(batch).unwrap();
    hash.to_string()
}

/// Returns a column of 64-bit numbers.
pub fn int64<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i64] {
    batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values()
}

/// Returns a column of 32-bit numbers.
pub fn int32<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i32] {
    batch.column_by_name(name).unwrap().as_primitive::<Int32Type>().values()
}

/// Returns a column of dates.
pub fn dates<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i32] {
    batch.column_by_name(name).unwrap().as_primitive::<Date32Type>().values()
}

/// Returns a column of text in either encoding.
pub fn text(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap();
    match column.as_dictionary_opt::<Int8Type>() {
        None => column.as_string::<i32>().iter().map(|text| text.unwrap().to_string()).collect(),
        Some(dictionary) => {
            let names = dictionary.values().as_string::<i32>();
            dictionary.keys().values().iter().map(|&key| names.value(key as usize).to_string()).collect()
        }
    }
}
