//! Minimum and maximum of a page or a column chunk, in the forms of Parquet's statistics.

use parquet::basic::Type;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// The minimum and the maximum of at least one value.
#[derive(Debug, Clone)]
pub(super) enum MinMax {
    Int32((i32, i32)),
    Int64((i64, i64)),
    Float64((f64, f64)),
    Boolean((bool, bool)),
    Text((String, String)),
}

impl MinMax {
    /// Returns the minimum and maximum of `values`, which have no NaN. The Parquet specification asks that a minimum of
    /// zero is -0.0 and a maximum of zero is +0.0.
    pub fn of_floats(values: &[f64]) -> Self {
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self::Float64((if min == 0.0 { -0.0 } else { min }, if max == 0.0 { 0.0 } else { max }))
    }

    /// Returns the minimum and maximum over both. The two have the same type, like all pages of a column.
    pub fn merge(self, other: &Self) -> Self {
        fn wider<T: PartialOrd + Clone>((min, max): (T, T), other: &(T, T)) -> (T, T) {
            let min = if other.0 < min { other.0.clone() } else { min };
            let max = if other.1 > max { other.1.clone() } else { max };
            (min, max)
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

    /// Returns the physical type of the values.
    pub fn physical_type(&self) -> Type {
        match self {
            Self::Int32(_) => Type::INT32,
            Self::Int64(_) => Type::INT64,
            Self::Float64(_) => Type::DOUBLE,
            Self::Boolean(_) => Type::BOOLEAN,
            Self::Text(_) => Type::BYTE_ARRAY,
        }
    }

    /// Returns the minimum and the maximum as bytes of a column index.
    pub fn to_bytes(&self) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Int32((min, max)) => (min.to_le_bytes().into(), max.to_le_bytes().into()),
            Self::Int64((min, max)) => (min.to_le_bytes().into(), max.to_le_bytes().into()),
            Self::Float64((min, max)) => (min.to_le_bytes().into(), max.to_le_bytes().into()),
            Self::Boolean((min, max)) => (vec![u8::from(*min)], vec![u8::from(*max)]),
            Self::Text((min, max)) => (min.clone().into(), max.clone().into()),
        }
    }

    /// Returns the statistics of a column chunk without nulls. Numbers also fill the deprecated `min` and `max` fields,
    /// the only ones that old readers know. Both kinds of fields order numbers in the same way.
    pub fn to_statistics(&self) -> Statistics {
        macro_rules! statistics {
            ($min:expr, $max:expr, $has_deprecated_fields:expr) => {
                ValueStatistics::new(Some($min), Some($max), None, Some(0), false)
                    .with_backwards_compatible_min_max($has_deprecated_fields)
                    .into()
            };
        }
        match self.clone() {
            Self::Int32((min, max)) => statistics!(min, max, true),
            Self::Int64((min, max)) => statistics!(min, max, true),
            Self::Float64((min, max)) => statistics!(min, max, true),
            Self::Boolean((min, max)) => statistics!(min, max, false),
            Self::Text((min, max)) => {
                statistics!(ByteArray::from(min.into_bytes()), ByteArray::from(max.into_bytes()), false)
            }
        }
    }
}
