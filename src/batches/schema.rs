//! The Arrow schemas of scans.

use crate::models::{ColumnSpec, Kind, Table};
use crate::scan::{Scan, Strings};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::collections::HashMap;
use std::sync::Arc;

/// The key of the description of a table in the metadata of its schema, and of a column in the metadata of its field.
/// DuckDB's Airport extension reads comments on columns under this key.
pub const COMMENT: &str = "comment";

/// Returns the schema of the batches of `scan`.
pub fn schema(scan: &Scan) -> SchemaRef {
    schema_of(scan.table(), scan.columns(), scan.strings())
}

/// Returns the schema of batches with these columns of `table`. No column is nullable. The metadata has the
/// descriptions of the table and its columns.
pub fn schema_of(table: Table, columns: impl Iterator<Item = &'static ColumnSpec>, strings: Strings) -> SchemaRef {
    let comment = |text: &str| HashMap::from([(COMMENT.to_string(), text.to_string())]);
    let fields = columns.map(|column| {
        Field::new(column.name, data_type(column.kind, strings), false).with_metadata(comment(column.law))
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), comment(table.summary())))
}

/// Returns whether two schemas have the same names and types. Their metadata may differ: other versions of the program
/// have other descriptions, and relays may drop them.
pub fn has_same_columns(one: &Schema, other: &Schema) -> bool {
    let plain = |field: &Field| (field.name().clone(), field.data_type().clone(), field.is_nullable());
    let columns = |schema: &Schema| schema.fields().iter().map(|field| plain(field)).collect::<Vec<_>>();
    columns(one) == columns(other)
}

fn data_type(kind: Kind, strings: Strings) -> DataType {
    match kind {
        Kind::Int64 => DataType::Int64,
        Kind::Int32 => DataType::Int32,
        Kind::Date => DataType::Date32,
        Kind::Money => DataType::Decimal128(10, 2),
        Kind::Float64 => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Text(_) if strings == Strings::Dictionary => {
            DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))
        }
        Kind::Text(_) => DataType::Utf8,
    }
}
