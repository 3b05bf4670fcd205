//! Converts record batches from any writer, whatever their Arrow types, to rows of a table.

use super::rows::{Rows, UNKNOWN};
use crate::error::{Error, Result};
use crate::models::{Column, Kind, Model, Table};
use crate::verify::rules::Rule;
use crate::verify::violations::Violations;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, RecordBatch};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Schema, TimeUnit,
};
use arrow::util::display::array_value_to_string;
use std::sync::Arc;

/// Converts record batches to rows of a table.
#[derive(Debug)]
pub struct Converter {
    table: Table,
    /// The known names of each column in the order of their codes. Only text columns have names.
    names: Vec<Vec<String>>,
}

impl Converter {
    pub fn new(table: Table, model: &Model) -> Self {
        let names = table.columns().iter().map(|column| match column.kind {
            Kind::Text(names) => model.names(names).into_iter().map(str::to_string).collect(),
            _ => Vec::new(),
        });
        Self { table, names: names.collect() }
    }

    /// Returns a message for each column that `schema` lacks, or has in a type that can't be converted.
    pub fn unreadable_columns(&self, schema: &Schema) -> Vec<String> {
        let columns = self.table.columns().iter();
        let messages = columns.filter_map(|column| match schema.field_with_name(column.name) {
            Err(_) => Some(format!("column {} is missing{}", column.name, self.instead(schema, column.name))),
            Ok(field) if !can_cast_types(field.data_type(), &read_type(column.kind)) => Some(format!(
                "column {} has the type {}, which can't be converted to {}",
                column.name,
                field.data_type(),
                read_type(column.kind)
            )),
            Ok(_) => None,
        });
        messages.collect()
    }

    /// Returns the part of a message that says which column `schema` has instead of the missing column `name`: one that
    /// is spelled differently or, if there is none, all that the table should not have.
    fn instead(&self, schema: &Schema, name: &str) -> String {
        let letters = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let is_known = |name: &str| self.table.columns().iter().any(|column| column.name == name);
        let others = || schema.fields().iter().map(|field| field.name().as_str()).filter(|name| !is_known(name));
        if let Some(other) = others().find(|other| letters(other) == letters(name)) {
            return format!("; there is {other}, but names must be equal in every letter: rename it");
        }
        let names: Vec<&str> = others().take(10).collect();
        if names.is_empty() { String::new() } else { format!("; the unknown columns are {}", names.join(", ")) }
    }

    /// Converts a batch whose columns are all readable.
    ///
    /// A row with a null, a value outside the column's type or an unknown name is a violation. Rows that lack a value
    /// are left out of the result.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if Arrow fails to convert a column.
    pub fn rows(&self, batch: &RecordBatch, violations: &mut Violations) -> Result<Rows> {
        let failed = |column: &str, error: arrow::error::ArrowError| {
            Error::invalid(self.table.name(), format!("column {column}: {error}"))
        };
        let mut columns = Vec::with_capacity(self.names.len());
        let mut arrays = Vec::with_capacity(self.names.len());
        // Which rows lack a value, and which have an unknown name. They stay empty if there is none.
        let (mut incomplete, mut unknown) = (vec![false; 0], vec![false; 0]);
        let mark = |marks: &mut Vec<bool>, row: usize| {
            marks.resize(batch.num_rows(), false);
            marks[row] = true;
        };
        for (spec, names) in self.table.columns().iter().zip(&self.names) {
            let given = batch.column_by_name(spec.name);
            let given = given.ok_or_else(|| Error::Internal(format!("a batch lacks the column {}", spec.name)))?;
            let array = cast_exactly(given, &read_type(spec.kind)).map_err(|error| failed(spec.name, error))?;
            if array.logical_null_count() > 0 {
                let nulls = array.logical_nulls();
                (0..array.len())
                    .filter(|&row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)))
                    .for_each(|row| mark(&mut incomplete, row));
            }
            columns.push(match spec.kind {
                Kind::Int64 => Column::Int64(values::<Int64Type>(&array)),
                Kind::Int32 => Column::Int32(values::<Int32Type>(&array)),
                Kind::Date => Column::Date(values::<Date32Type>(&array)),
                Kind::Money => Column::Money(values::<Decimal128Type>(&array)),
                Kind::Float64 => Column::Float64(values::<Float64Type>(&array)),
                Kind::Boolean => Column::Boolean(array.as_boolean().values().iter().collect()),
                Kind::Text(_) => {
                    let codes = codes(&array, names);
                    let unknown_codes = codes.iter().enumerate().filter(|&(_, &code)| code == UNKNOWN);
                    unknown_codes.for_each(|(row, _)| mark(&mut unknown, row));
                    Column::Text(codes)
                }
            });
            arrays.push((Arc::clone(given), array));
        }
        for row in (0..incomplete.len().max(unknown.len()))
            .filter(|&row| incomplete.get(row) == Some(&true) || unknown.get(row) == Some(&true))
        {
            violations.record(self.table, Rule::Values, || self.describe(&arrays, &columns, row));
        }
        let rows = Rows::new(self.table, columns);
        Ok(if incomplete.is_empty() { rows } else { rows.retain(|_, row| !incomplete[row]) })
    }

    /// Returns a row as text, as it was read, with the reason beside each value that can't be used. `arrays` has each
    /// column as it was read and as it was converted.
    fn describe(&self, arrays: &[(ArrayRef, ArrayRef)], columns: &[Column], row: usize) -> String {
        let values = self.table.columns().iter().zip(arrays).zip(columns).map(|((spec, (given, array)), column)| {
            let is_null = |array: &ArrayRef| array.logical_nulls().is_some_and(|nulls| nulls.is_null(row));
            let fault = match column {
                _ if is_null(given) => return format!("{} null", spec.name),
                _ if is_null(array) => Some(fault(spec.kind, given.data_type())),
                Column::Text(codes) if codes[row] == UNKNOWN => Some("an unknown name"),
                _ => None,
            };
            let fault = fault.map(|fault| format!(" ({fault})")).unwrap_or_default();
            format!("{} {}{fault}", spec.name, as_text(given, row))
        });
        values.collect::<Vec<_>>().join(", ")
    }
}

/// Returns why a value of type `from` can't be a value of the kind.
fn fault(kind: Kind, from: &DataType) -> &'static str {
    match (kind, from) {
        (Kind::Int64, _) => "not a whole number of 64 bits",
        (Kind::Int32, _) => "not a whole number of 32 bits",
        (Kind::Date, DataType::Timestamp(_, Some(_))) => "not midnight in UTC",
        (Kind::Date, DataType::Timestamp(..) | DataType::Date64) => "not midnight",
        (Kind::Date, _) => "not a date",
        (Kind::Money, _) => "not an amount with two decimals",
        (Kind::Float64, _) => "not a number",
        (Kind::Boolean, _) => "neither true nor false",
        (Kind::Text(_), _) => "not a text",
    }
}

/// Returns a value as text. A timestamp with a zone is in UTC.
fn as_text(array: &ArrayRef, row: usize) -> String {
    let value = array.slice(row, 1);
    let utc = match value.data_type() {
        DataType::Timestamp(unit, Some(_)) => cast(&value, &DataType::Timestamp(*unit, Some("+00:00".into()))).ok(),
        _ => None,
    };
    let text = array_value_to_string(utc.as_ref().unwrap_or(&value), 0);
    text.unwrap_or_else(|error| format!("a value that can't be displayed: {error}"))
}

/// The type that the values of a column are converted to.
fn read_type(kind: Kind) -> DataType {
    match kind {
        Kind::Int64 => DataType::Int64,
        Kind::Int32 => DataType::Int32,
        Kind::Date => DataType::Date32,
        Kind::Money => DataType::Decimal128(38, 2),
        Kind::Float64 => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Text(_) => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    }
}

/// Casts an array. A value that the new type can't represent exactly becomes null, such as 1.5 as an integer or a time
/// of day as a date.
fn cast_exactly(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    let from = array.data_type();
    if let (DataType::Timestamp(unit, _), DataType::Date32) = (from, to) {
        return Ok(Arc::new(dates_of_timestamps(&cast(array, &DataType::Int64)?, *unit)));
    }
    let converted = cast(array, to)?;
    let may_round = match from {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale > 2,
        _ => from.is_floating() || from.is_temporal(),
    };
    if from == to || !may_round {
        return Ok(converted);
    }
    let back = cast(&converted, from)?;
    let same: BooleanArray = not_distinct(&back, array)?;
    if same.true_count() == same.len() {
        Ok(converted)
    } else {
        arrow::compute::nullif(&converted, &arrow::compute::not(&same)?)
    }
}

/// Converts timestamps to dates in UTC. A timestamp that is not midnight becomes null.
fn dates_of_timestamps(timestamps: &ArrayRef, unit: TimeUnit) -> Date32Array {
    let day = 86_400
        * match unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        };
    let date =
        |timestamp: i64| i32::try_from(timestamp.div_euclid(day)).ok().filter(|_| timestamp.rem_euclid(day) == 0);
    timestamps.as_primitive::<Int64Type>().iter().map(|timestamp| timestamp.and_then(date)).collect()
}

fn values<T: ArrowPrimitiveType>(array: &ArrayRef) -> Vec<T::Native> {
    array.as_primitive::<T>().values().to_vec()
}

/// Returns the code of each name, or [`UNKNOWN`]. The code of a null is meaningless.
fn codes(array: &ArrayRef, names: &[String]) -> Vec<u8> {
    let dictionary = array.as_dictionary::<Int32Type>();
    let texts = dictionary.values().as_string::<i32>();
    let code_of = |text: Option<&str>| names.iter().position(|name| Some(name.as_str()) == text);
    let by_key: Vec<u8> = texts.iter().map(|text| code_of(text).map_or(UNKNOWN, |index| index as u8)).collect();
    let code = |key: &i32| by_key.get(*key as usize).copied().unwrap_or_default();
    dictionary.keys().values().iter().map(code).collect()
}
