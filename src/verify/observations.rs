//! The result of reading a data set.

use super::comparison::Differences;
use super::reading::Extent;
use super::violations::Violations;
use crate::models::Table;

/// The findings of a complete reading of a data set.
#[derive(Debug)]
pub struct Observations<A> {
    /// The tables whose columns are all readable.
    pub readable: Vec<Table>,
    /// The counts and sums of the model.
    pub aggregates: A,
    pub violations: Violations,
    /// How much of each table was read.
    pub extents: Vec<(Table, Extent)>,
    /// The differences of each table that was compared value by value.
    pub differences: Vec<(Table, Differences)>,
}
