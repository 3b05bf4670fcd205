//! The least and the largest value of a column, computed from the model alone.

use super::calendar::Window;
use super::column::Column;

/// The bounds of a column's values. They hold in every part of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// A column of two values: the lower and the upper bound. Text is compared by its bytes.
    pub ends: Column,
    /// The approximate number of distinct values, at most.
    pub distinct: u64,
    /// All values in ascending order, if they are numbers from a short list.
    pub values: Option<Column>,
}

impl Bounds {
    /// Returns the bounds of whole numbers from `least` to `most`.
    pub fn int64(least: i64, most: i64) -> Self {
        Self { ends: Column::Int64(vec![least, most]), distinct: (most - least + 1) as u64, values: None }
    }

    /// Returns the bounds of whole numbers from `least` to `most`.
    pub fn int32(least: i32, most: i32) -> Self {
        let distinct = (i64::from(most) - i64::from(least) + 1) as u64;
        Self { ends: Column::Int32(vec![least, most]), distinct, values: None }
    }

    /// Returns the bounds of dates in `window`.
    pub fn dates(window: Window) -> Self {
        Self { ends: Column::Date(vec![window.first, window.last()]), distinct: u64::from(window.days), values: None }
    }

    /// Returns the bounds of amounts from a list, in hundredths. The list can have any order and duplicates.
    pub fn amounts(mut values: Vec<i128>) -> Self {
        values.sort_unstable();
        values.dedup();
        let ends = [values.first(), values.last()].map(|amount| amount.copied().unwrap_or(0));
        Self { ends: Column::Money(ends.into()), distinct: values.len() as u64, values: Some(Column::Money(values)) }
    }

    /// Returns the bounds of probabilities with at most `distinct` different values.
    pub fn probabilities(distinct: u64) -> Self {
        Self { ends: Column::Float64(vec![0.0, 1.0]), distinct, values: None }
    }

    /// Returns the bounds of truth values.
    pub fn booleans() -> Self {
        Self { ends: Column::Boolean(vec![false, true]), distinct: 2, values: None }
    }

    /// Returns the bounds of text from a list of names, whose codes are their indices.
    pub fn names(names: &[&str]) -> Self {
        let mut sorted: Vec<usize> = (0..names.len()).collect();
        sorted.sort_by_key(|&index| names[index]);
        let ends = [sorted.first(), sorted.last()].map(|index| index.copied().unwrap_or(0) as u8);
        Self { ends: Column::Text(ends.into()), distinct: names.len() as u64, values: None }
    }
}
