//! The least and the largest value of a page or a column chunk, as Parquet's statistics have them.

use parquet::basic::Type;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// The least and the largest of some values, of which there is one at least.
#[derive(Debug, Clone)]
pub(super) enum Extremes {
    Int32((i32, i32)),
    Int64((i64, i64)),
    Float64((f64, f64)),
    Boolean((bool, bool)),
    Text((String, String)),
}

impl Extremes {
    /// Those of both; of two kinds, which a column never has, the first.
    pub fn and(self, other: &Self) -> Self {
        fn wider<T: PartialOrd + Clone>((least, most): (T, T), other: &(T, T)) -> (T, T) {
            let least = if other.0 < least { other.0.clone() } else { least };
            let most = if other.1 > most { other.1.clone() } else { most };
            (least, most)
        }
        match (self, other) {
            (Self::Int32(own), Self::Int32(other)) => Self::Int32(wider(own, other)),
            (Self::Int64(own), Self::Int64(other)) => Self::Int64(wider(own, other)),
            (Self::Float64(own), Self::Float64(other)) => Self::Float64(wider(own, other)),
            (Self::Boolean(own), Self::Boolean(other)) => Self::Boolean(wider(own, other)),
            (Self::Text(own), Self::Text(other)) => Self::Text(wider(own, other)),
            (own, _) => own,
        }
    }

    /// How Parquet stores such values.
    pub fn physical_type(&self) -> Type {
        match self {
            Self::Int32(_) => Type::INT32,
            Self::Int64(_) => Type::INT64,
            Self::Float64(_) => Type::DOUBLE,
            Self::Boolean(_) => Type::BOOLEAN,
            Self::Text(_) => Type::BYTE_ARRAY,
        }
    }

    /// Both as a column index holds them.
    pub fn to_bytes(&self) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Int32((least, most)) => (least.to_le_bytes().into(), most.to_le_bytes().into()),
            Self::Int64((least, most)) => (least.to_le_bytes().into(), most.to_le_bytes().into()),
            Self::Float64((least, most)) => (least.to_le_bytes().into(), most.to_le_bytes().into()),
            Self::Boolean((least, most)) => (vec![u8::from(*least)], vec![u8::from(*most)]),
            Self::Text((least, most)) => (least.clone().into(), most.clone().into()),
        }
    }

    /// Of a column chunk without nulls. Older readers know only of the former fields, which order numbers alike.
    pub fn to_statistics(&self) -> Statistics {
        macro_rules! statistics {
            ($least:expr, $most:expr, $numbers:expr) => {
                ValueStatistics::new(Some($least), Some($most), None, Some(0), false)
                    .with_backwards_compatible_min_max($numbers)
                    .into()
            };
        }
        match self.clone() {
            Self::Int32((least, most)) => statistics!(least, most, true),
            Self::Int64((least, most)) => statistics!(least, most, true),
            Self::Float64((least, most)) => statistics!(least, most, true),
            Self::Boolean((least, most)) => statistics!(least, most, false),
            Self::Text((least, most)) => {
                statistics!(ByteArray::from(least.into_bytes()), ByteArray::from(most.into_bytes()), false)
            }
        }
    }
}

/// Of floats, none of which is NaN; a zero at the end is the one with the sign that lies further out, as Parquet asks.
pub(super) fn of_floats(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (if least == 0.0 { -0.0 } else { least }, if most == 0.0 { 0.0 } else { most })
}
