//! Plain columns to Arrow arrays. Numbers are wrapped, not copied; text is written out from its names.

use crate::scan::{Scan, Strings};
use crate::tables::{Column, Kind};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int8Array, Int32Array,
    Int64Array, StringArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use std::sync::Arc;

/// Turns the values of one column into an array.
#[derive(Debug)]
pub(super) enum Encoder {
    /// The values as they are.
    Plain(Kind),
    /// The names that the values stand for.
    Utf8(Vec<String>),
    /// The values as keys into a dictionary of their names.
    Dictionary(ArrayRef),
}

impl Encoder {
    pub fn new(scan: &Scan, kind: Kind) -> Self {
        let Kind::Text(names) = kind else { return Self::Plain(kind) };
        let names = names.of(scan.data_set().model().parameters());
        match scan.strings() {
            Strings::Utf8 => Self::Utf8(names.into_iter().map(str::to_string).collect()),
            Strings::Dictionary => Self::Dictionary(Arc::new(StringArray::from(names))),
        }
    }

    /// `None` where the column is not of the kind that the encoder was made for.
    pub fn array(&self, column: Column) -> Option<ArrayRef> {
        Some(match (self, column) {
            (Self::Utf8(names), Column::Text(codes)) => Arc::new(utf8(names, &codes)?),
            (Self::Dictionary(names), Column::Text(codes)) => {
                // A model has at most 100 names in a list, so every code is an Int8.
                let keys: Vec<i8> = codes.into_iter().map(|code| code as i8).collect();
                Arc::new(DictionaryArray::try_new(Int8Array::from(keys), Arc::clone(names)).ok()?)
            }
            (Self::Plain(Kind::Int64), Column::Int64(values)) => Arc::new(Int64Array::from(values)),
            (Self::Plain(Kind::Int32), Column::Int32(values)) => Arc::new(Int32Array::from(values)),
            (Self::Plain(Kind::Date), Column::Date(values)) => Arc::new(Date32Array::from(values)),
            (Self::Plain(Kind::Float64), Column::Float64(values)) => Arc::new(Float64Array::from(values)),
            (Self::Plain(Kind::Boolean), Column::Boolean(values)) => Arc::new(BooleanArray::from(values)),
            (Self::Plain(Kind::Money), Column::Money(values)) => {
                Arc::new(Decimal128Array::from(values).with_precision_and_scale(10, 2).ok()?)
            }
            _ => return None,
        })
    }

    /// So many rows of a column that nobody reads: zeros, empty text, the first name of a dictionary.
    pub fn without_values(&self, rows: usize) -> Option<ArrayRef> {
        let column = match self {
            Self::Utf8(_) => {
                let offsets = OffsetBuffer::new_zeroed(rows);
                return Some(Arc::new(StringArray::try_new(offsets, Buffer::default(), None).ok()?));
            }
            Self::Dictionary(_) | Self::Plain(Kind::Text(_)) => Column::Text(vec![0; rows]),
            Self::Plain(Kind::Int64) => Column::Int64(vec![0; rows]),
            Self::Plain(Kind::Int32) => Column::Int32(vec![0; rows]),
            Self::Plain(Kind::Date) => Column::Date(vec![0; rows]),
            Self::Plain(Kind::Float64) => Column::Float64(vec![0.0; rows]),
            Self::Plain(Kind::Boolean) => Column::Boolean(vec![false; rows]),
            Self::Plain(Kind::Money) => Column::Money(vec![0; rows]),
        };
        self.array(column)
    }
}

fn utf8(names: &[String], codes: &[u8]) -> Option<StringArray> {
    let lengths = names.iter().map(|name| name.len() as i32).collect::<Vec<_>>();
    let mut end = 0;
    let mut offsets = Vec::with_capacity(codes.len() + 1);
    offsets.push(0);
    for &code in codes {
        end += lengths.get(usize::from(code))?;
        offsets.push(end);
    }
    let mut bytes = Vec::with_capacity(end as usize);
    for &code in codes {
        bytes.extend_from_slice(names.get(usize::from(code))?.as_bytes());
    }
    StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes), None).ok()
}
