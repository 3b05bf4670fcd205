//! Intervals of whole numbers: the customers or the days that a filter accepts.

use std::ops::Range;

/// The integers from `least` to `most`, both included; empty if `least` is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub least: i128,
    pub most: i128,
}

impl Interval {
    pub const ALL: Self = Self { least: i128::MIN, most: i128::MAX };
    pub const NONE: Self = Self { least: i128::MAX, most: i128::MIN };

    pub fn and(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.min(other.most) }
    }

    /// Returns the smallest interval that contains both.
    pub fn or(self, other: Self) -> Self {
        if self.least > self.most {
            return other;
        }
        if other.least > other.most {
            return self;
        }
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// Returns the part of `range` in the interval.
    pub fn clip(self, range: Range<i128>) -> Range<i128> {
        let start = self.least.clamp(range.start, range.end);
        start..self.most.saturating_add(1).clamp(start, range.end)
    }
}
