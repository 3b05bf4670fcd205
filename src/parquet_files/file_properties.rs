//! The metadata of a Parquet file: its writer, its key-value pairs and its sort order.

use crate::batches::COMMENT;
use crate::models::{Identity, Table};
use arrow::datatypes::Schema;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;

/// Returns the writer properties of a file of `table` with the columns of `schema` and the key-value pairs `metadata`.
/// The description of the table in the schema becomes a key-value pair, too: readers other than Arrow find it there.
pub(super) fn writer_properties(table: Table, schema: &Schema, metadata: Vec<(String, String)>) -> WriterProperties {
    let comment = schema.metadata().get(COMMENT).map(|text| (COMMENT.to_string(), text.clone()));
    WriterProperties::builder()
        .set_created_by(created_by(table))
        .set_sorting_columns(Some(sorting_columns(table, schema)))
        .set_key_value_metadata(Some(
            metadata.into_iter().chain(comment).map(|(key, value)| KeyValue { key, value: Some(value) }).collect(),
        ))
        .build()
}

/// Returns the writer's name in the form that parquet-java and others parse: `NAME version VERSION (build BUILD)`.
///
/// The build is the version of the values, because every build of a version must write the same bytes.
fn created_by(table: Table) -> String {
    let (name, version, values) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), table.model().values);
    format!("{name} version {version} (build values-{values})")
}

/// Returns whether a column has a column index, which holds the minimum and maximum of each page. Only `customer_id`
/// has one: rows are sorted by it, so readers can skip pages. In other columns, nearly every page has every value.
pub(super) fn has_column_index(column: &str) -> bool {
    column == "customer_id"
}

/// Returns the sort columns of the table up to the first one that the file does not have.
fn sorting_columns(table: Table, schema: &Schema) -> Vec<SortingColumn> {
    let indices = table.sort_columns().iter().map_while(|name| schema.index_of(name).ok());
    indices.map(|index| SortingColumn { column_idx: index as i32, descending: false, nulls_first: false }).collect()
}

/// Returns the key-value metadata of a table's file.
pub(super) fn key_value_metadata(identity: &Identity, table: Table) -> Vec<(String, String)> {
    [
        ("saasgen.table", table.name().to_string()),
        ("saasgen.version", identity.version.clone()),
        ("saasgen.model", identity.model.clone()),
        ("saasgen.fingerprint", identity.fingerprint.clone()),
        ("saasgen.seed", identity.seed.to_string()),
        ("saasgen.customers", identity.customers.to_string()),
    ]
    .map(|(key, value)| (key.to_string(), value))
    .into()
}
