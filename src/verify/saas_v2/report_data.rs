//! The data that the report draws.

use super::aggregates::Aggregates;
use super::derived_model::DerivedModel;
use crate::models::Table;

/// The data that the report draws.
#[derive(Debug)]
pub struct ReportData {
    pub model: DerivedModel,
    pub aggregates: Aggregates,
    /// The tables that were read for the whole window.
    pub read: Vec<Table>,
}

impl ReportData {
    pub fn has_read(&self, table: Table) -> bool {
        self.read.contains(&table)
    }
}
