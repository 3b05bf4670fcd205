//! The parts of the result that each model has of its own: curves, charts, and groups of customers.

use super::chart::Chart;
use crate::error::Result;
use crate::models::Table;
use crate::verify::statistics::CurvePoint;
use indexmap::IndexMap;
use std::fmt::Debug;

/// Observed curves by their names, and by the group of customers of each, for example a plan.
pub type Curves = IndexMap<&'static str, IndexMap<String, Vec<CurvePoint>>>;

/// The parts of the result that each model has of its own.
pub trait ModelReport: Debug + Send + Sync {
    /// Returns the curves for the JSON. One that could not be observed has no groups.
    fn curves(&self) -> Curves;

    /// Returns the charts of a table. There are none if the table was not read for the whole window.
    ///
    /// # Errors
    /// Returns [`Error::Internal`](crate::error::Error::Internal) if a chart can't be drawn, which is a bug.
    fn charts(&self, table: Table) -> Result<Vec<Chart>>;

    /// Returns the numbers of customers in the groups of the model, if they were read.
    fn customer_groups(&self) -> Option<CustomerGroups>;
}

/// The numbers of customers in the groups of a model.
#[derive(Debug)]
pub struct CustomerGroups {
    /// The property that the groups differ in, for example the plan.
    pub property: &'static str,
    /// The name and the number of customers of each group.
    pub groups: Vec<(String, u64)>,
}
