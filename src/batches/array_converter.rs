//! Converts plain columns to Arrow arrays. Numbers are not copied. Text is written from lists of names.

use crate::models::{Column, ColumnMut, Kind};
use crate::scan::{Scan, Strings};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int8Array, Int32Array,
    Int64Array, StringArray,
};
use arrow::buffer::{Buffer, OffsetBuffer};
use bytemuck::try_cast_slice_mut;
use std::sync::Arc;

/// Returns the values of a column of `scan` as an array, or `None` if they are not of type `kind`.
pub fn array_of(scan: &Scan, kind: Kind, column: Column) -> Option<ArrayRef> {
    ArrayConverter::new(scan, kind).array(column)
}

/// Converts the values of one column to an array.
#[derive(Debug)]
pub(super) enum ArrayConverter {
    /// Keeps the values.
    Plain(Kind),
    /// Replaces the codes with their names.
    Utf8(Box<TextNames>),
    /// Keeps the codes as keys, with a dictionary of their names.
    Dictionary(ArrayRef),
}

impl ArrayConverter {
    pub fn new(scan: &Scan, kind: Kind) -> Self {
        let Kind::Text(names) = kind else { return Self::Plain(kind) };
        let names = scan.data_set().model().names(names);
        match scan.strings() {
            Strings::Utf8 => Self::Utf8(Box::new(TextNames::new(names))),
            Strings::Dictionary => Self::Dictionary(Arc::new(StringArray::from(names))),
        }
    }

    /// Converts `column`. Returns `None` if it has another type than the converter, or a code without a name.
    pub fn array(&self, column: Column) -> Option<ArrayRef> {
        Some(match (self, column) {
            (Self::Utf8(names), Column::Text(codes)) => Arc::new(names.array(&codes)?),
            (Self::Dictionary(names), Column::Text(codes)) => {
                // A list of names has at most 100 entries, so every code fits Int8.
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

    /// Returns `bytes` as memory for the column.
    ///
    /// Returns `None` if the size or the alignment doesn't fit, or if the column doesn't have numbers of fixed width.
    pub fn column_in<'a>(&self, bytes: &'a mut [u8]) -> Option<ColumnMut<'a>> {
        match self {
            Self::Plain(Kind::Int64) => try_cast_slice_mut(bytes).ok().map(ColumnMut::Int64),
            Self::Plain(Kind::Int32) => try_cast_slice_mut(bytes).ok().map(ColumnMut::Int32),
            Self::Plain(Kind::Date) => try_cast_slice_mut(bytes).ok().map(ColumnMut::Date),
            _ => None,
        }
    }

    /// Returns an array of `rows` placeholders for a column that nobody reads: zeros, empty text, or the first name of
    /// a dictionary.
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

/// The names of the codes of a text column.
#[derive(Debug)]
pub(super) struct TextNames {
    names: Vec<String>,
    /// The length of the name for each code, or 0 if the code has no name.
    lengths: [usize; 256],
    /// The name for each code, padded to [`SHORT`] bytes. `None` if a name is longer.
    short: Option<Box<[[u8; SHORT]; 256]>>,
}

/// The most bytes of a short name. Short names are copied with one vector instruction: 1.5 ns a value, instead of 3.3
/// ns.
const SHORT: usize = 16;

impl TextNames {
    fn new(names: Vec<&str>) -> Self {
        let (mut lengths, mut short) = ([0; 256], Some(Box::new([[0; SHORT]; 256])));
        for (code, name) in names.iter().enumerate().take(lengths.len()) {
            lengths[code] = name.len();
            short = short.filter(|_| name.len() <= SHORT).map(|mut short| {
                short[code][..name.len()].copy_from_slice(name.as_bytes());
                short
            });
        }
        Self { lengths, short, names: names.into_iter().map(str::to_string).collect() }
    }

    /// Returns the names of `codes`, or `None` if a code has no name.
    fn array(&self, codes: &[u8]) -> Option<StringArray> {
        let largest = codes.iter().fold(0, |largest, &code| code.max(largest));
        if usize::from(largest) >= self.names.len() {
            return None;
        }
        // Offsets computed from lengths always ascend, so they need no check.
        let offsets = OffsetBuffer::<i32>::from_lengths(codes.iter().map(|&code| self.lengths[usize::from(code)]));
        let text_bytes = offsets.last().map_or(0, |&end| end as usize);
        let mut bytes = vec![0; text_bytes + SHORT];
        match &self.short {
            // The next name overwrites the padding.
            Some(short) => {
                for (&code, &start) in codes.iter().zip(&offsets[..]) {
                    bytes[start as usize..][..SHORT].copy_from_slice(&short[usize::from(code)]);
                }
            }
            None => {
                for (&code, &start) in codes.iter().zip(&offsets[..]) {
                    let name = self.names[usize::from(code)].as_bytes();
                    bytes[start as usize..][..name.len()].copy_from_slice(name);
                }
            }
        }
        bytes.truncate(text_bytes);
        StringArray::try_new(offsets, Buffer::from_vec(bytes), None).ok()
    }
}
