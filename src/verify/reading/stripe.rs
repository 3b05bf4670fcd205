//! The part of a data set that is in memory at one time.

use std::ops::Range;

/// A range of customers whose rows are in memory together.
pub struct Stripe {
    pub ids: Range<i64>,
    /// The first and the last stripe also take rows of customers outside the data set.
    pub is_first: bool,
    pub is_last: bool,
}
