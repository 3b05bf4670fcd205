//! The Arrow schemas of scans.

use crate::scan::{Scan, Strings};
use crate::tables::{ColumnSpec, Kind};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

/// Returns the schema of the batches of `scan`.
pub fn schema(scan: &Scan) -> SchemaRef {
    schema_of(scan.columns(), scan.strings())
}

/// Returns the schema of batches with these columns. No column is nullable.
pub fn schema_of(columns: impl Iterator<Item = &'static ColumnSpec>, strings: Strings) -> SchemaRef {
    let fields = columns.map(|column| Field::new(column.name, data_type(column.kind, strings), false));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
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
