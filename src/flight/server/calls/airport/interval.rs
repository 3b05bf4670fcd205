//! Intervals of customers and days that contain every row that a filter accepts.

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

/// The rows that a filter can accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub ids: Interval,
    pub days: Interval,
}

impl Bounds {
    pub const ALL: Self = Self { ids: Interval::ALL, days: Interval::ALL };
    pub const NONE: Self = Self { ids: Interval::NONE, days: Interval::NONE };

    pub fn and(self, other: Self) -> Self {
        Self { ids: self.ids.and(other.ids), days: self.days.and(other.days) }
    }

    pub fn or(self, other: Self) -> Self {
        Self { ids: self.ids.or(other.ids), days: self.days.or(other.days) }
    }
}
