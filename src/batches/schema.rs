//! Arrow schemas of scans.

use crate::scan::{Scan, Strings};
use crate::tables::Kind;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

/// The schema of a scan's batches: no column is nullable.
pub fn schema(scan: &Scan) -> SchemaRef {
    let fields: Vec<Field> =
        scan.columns().map(|column| Field::new(column.name, data_type(column.kind, scan.strings()), false)).collect();
    Arc::new(Schema::new(fields))
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
