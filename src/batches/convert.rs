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
    Utf8(TextNames),
    /// The values as keys into a dictionary of their names.
    Dictionary(ArrayRef),
}

impl Encoder {
    pub fn new(scan: &Scan, kind: Kind) -> Self {
        let Kind::Text(names) = kind else { return Self::Plain(kind) };
        let names = names.of(scan.data_set().model().parameters());
        match scan.strings() {
            Strings::Utf8 => Self::Utf8(TextNames::new(names)),
            Strings::Dictionary => Self::Dictionary(Arc::new(StringArray::from(names))),
        }
    }

    /// `None` where the column is not of the kind that the encoder was made for.
    pub fn array(&self, column: Column) -> Option<ArrayRef> {
        Some(match (self, column) {
            (Self::Utf8(names), Column::Text(codes)) => Arc::new(names.array(&codes)?),
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

/// Names as text columns hold them, one after the other.
#[derive(Debug)]
pub(super) struct TextNames {
    names: Vec<String>,
    /// The names with what is left of [`SHORT`] bytes after them; empty where one is longer.
    short: Vec<[u8; SHORT]>,
}

/// Bytes of a name that is copied in one vector instruction: 2 ns a value became 1.
const SHORT: usize = 16;

impl TextNames {
    fn new(names: Vec<&str>) -> Self {
        let padded = |name: &&str| {
            let mut bytes = [0; SHORT];
            bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
            Some(bytes)
        };
        let short: Option<Vec<_>> = names.iter().map(padded).collect();
        Self { short: short.unwrap_or_default(), names: names.into_iter().map(str::to_string).collect() }
    }

    /// The names with these indices; `None` where there is no such name.
    fn array(&self, codes: &[u8]) -> Option<StringArray> {
        let lengths: Vec<i32> = self.names.iter().map(|name| name.len() as i32).collect();
        let mut end = 0;
        let mut offsets = vec![0; codes.len() + 1];
        for (offset, &code) in offsets[1..].iter_mut().zip(codes) {
            end += lengths.get(usize::from(code))?;
            *offset = end;
        }
        let bytes = if self.short.is_empty() { self.long(codes, end)? } else { self.short(codes, &offsets)? };
        StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes), None).ok()
    }

    /// What comes after a short name is written over by the next one.
    fn short(&self, codes: &[u8], offsets: &[i32]) -> Option<Vec<u8>> {
        let length = offsets.last().map_or(0, |&end| end as usize);
        let mut bytes = vec![0; length + SHORT];
        for (&code, &offset) in codes.iter().zip(offsets) {
            bytes
                .get_mut(offset as usize..offset as usize + SHORT)?
                .copy_from_slice(self.short.get(usize::from(code))?);
        }
        bytes.truncate(length);
        Some(bytes)
    }

    fn long(&self, codes: &[u8], length: i32) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length as usize);
        for &code in codes {
            bytes.extend_from_slice(self.names.get(usize::from(code))?.as_bytes());
        }
        Some(bytes)
    }
}
