//! The result of reading a data set.

use super::aggregates::Aggregates;
use crate::tables::Table;
use crate::verify::comparison::Differences;
use crate::verify::reading::Extent;
use crate::verify::violations::Violations;

/// The findings of a complete reading of a data set.
#[derive(Debug)]
pub struct Observations {
    /// The tables whose columns are all readable.
    pub readable: Vec<Table>,
    pub aggregates: Aggregates,
    pub violations: Violations,
    /// How much of each table was read.
    pub extents: Vec<(Table, Extent)>,
    /// The differences of each table that was compared value by value.
    pub differences: Vec<(Table, Differences)>,
}
