//! Column statistics, which DuckDB uses to plan and to skip.

use crate::batches::array_of;
use crate::error::{Error, Result};
use crate::models::{Column, Kind};
use crate::scan::Scan;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray, UInt64Array};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use std::sync::Arc;

/// Returns the statistics of a column of `scan`, as an Arrow IPC stream of one row.
///
/// # Errors
/// [`Error::Misuse`] if the scan has no such column.
pub(super) fn of(scan: &Scan, column: &str) -> Result<Vec<u8>> {
    let index = scan.table().columns().iter().position(|spec| spec.name == column);
    let index = index.filter(|_| scan.columns().any(|spec| spec.name == column)).ok_or_else(|| {
        let names: Vec<&str> = scan.columns().map(|spec| spec.name).collect();
        let name: String = column.chars().take(100).collect();
        Error::Misuse(format!(
            "`column_name` is {name:?}; the columns of {} are {}",
            scan.table().name(),
            names.join(", ")
        ))
    })?;
    let kind = scan.table().columns()[index].kind;
    let bounds = scan.data_set().bounds(scan.table(), index);
    let mut columns: Vec<(&str, ArrayRef)> = match (kind, &bounds.ends) {
        (Kind::Text(names), Column::Text(_)) => text(scan.data_set().model().names(names)),
        (kind, ends) => {
            let ends = array_of(scan, kind, ends.clone());
            let ends = ends.ok_or_else(|| Error::Internal(format!("the bounds of {column} have another type")))?;
            vec![("min", ends.slice(0, 1)), ("max", ends.slice(1, 1))]
        }
    };
    let one = |value: bool| -> ArrayRef { Arc::new(BooleanArray::from(vec![value])) };
    columns.push(("has_not_null", one(true)));
    columns.push(("has_null", one(false)));
    columns.push(("distinct_count", Arc::new(UInt64Array::from(vec![bounds.distinct]))));
    written(columns).map_err(|error| Error::Internal(format!("encoding statistics: {error}")))
}

/// Returns the bounds of `names`. Some versions of the extension take the lengths of the bounds for the lengths of all
/// values. So the upper bound is padded to the longest value; it is still a bound.
fn text(names: Vec<&str>) -> Vec<(&'static str, ArrayRef)> {
    let longest = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let least = names.iter().min().copied().unwrap_or_default();
    let mut most = names.iter().max().copied().unwrap_or_default().to_string();
    most.extend(std::iter::repeat_n('~', longest.saturating_sub(most.len())));
    vec![
        ("min", Arc::new(StringArray::from(vec![least]))),
        ("max_string_length", Arc::new(UInt64Array::from(vec![most.len() as u64]))),
        ("max", Arc::new(StringArray::from(vec![most]))),
        ("contains_unicode", Arc::new(BooleanArray::from(vec![names.iter().any(|name| !name.is_ascii())]))),
    ]
}

fn written(columns: Vec<(&str, ArrayRef)>) -> Result<Vec<u8>, ArrowError> {
    let row = RecordBatch::try_from_iter(columns)?;
    let mut writer = StreamWriter::try_new(Vec::new(), row.schema_ref())?;
    writer.write(&row)?;
    writer.into_inner()
}
