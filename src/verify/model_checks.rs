//! What the frame asks of each model: its rules, checks, laws and charts.

use super::customer_chunk::CustomerChunk;
use super::reading::Rows;
use super::report::ModelReport;
use super::rules::Rule;
use super::statistics::Outcome;
use super::violations::Violations;
use crate::error::Result;
use crate::models::{ColumnSet, Table};

/// The checks of one model.
///
/// The frame reads the tables, calls the checks on several threads and merges what they counted. Then the laws are
/// tested, and the report is drawn.
pub trait ModelChecks: Sync {
    /// Counts and sums over all rows. All are whole numbers, so the order in which they are merged makes no difference.
    type Aggregates: Send;

    /// Returns the rules of `table`, in the order of the report, with the names of their checks. A rule that compares
    /// with another table is left out if that is not one of the `readable` tables.
    fn rules(&self, table: Table, readable: &[Table]) -> Vec<(Rule, String)>;

    /// Returns the tables that are not `present` but that the checks need, with their needed columns, which are the
    /// first ones. If the data set is known, they are generated.
    fn generated_tables(&self, present: &[Table]) -> Vec<(Table, ColumnSet)>;

    /// Returns the aggregates of no rows.
    fn new_aggregates(&self) -> Self::Aggregates;

    /// Adds `part` to `all`.
    fn merge(all: &mut Self::Aggregates, part: &Self::Aggregates);

    /// Checks and counts the rows of a chunk of customers. The data set has all days of the window.
    ///
    /// # Errors
    /// Returns [`Error::Internal`](crate::error::Error::Internal) if the chunk lacks a table that
    /// [`Self::generated_tables`] names, which is a bug.
    fn check_customers(
        &self,
        chunk: &CustomerChunk<'_>,
        aggregates: &mut Self::Aggregates,
        violations: &mut Violations,
    ) -> Result<()>;

    /// Checks and counts all rows of a table without customers. They are in the order in which they were read. This is
    /// called after the aggregates of all customers were merged.
    fn check_table(&self, rows: &Rows, aggregates: &mut Self::Aggregates, violations: &mut Violations);

    /// Tests every law of the tables in `read`, which were read for the whole window. Returns them in the order of the
    /// report.
    fn test_laws(&self, aggregates: &Self::Aggregates, read: &[Table]) -> Vec<TestedLaw>;

    /// Returns what the JSON and the report show besides the checks. The tables in `read` were read for the whole
    /// window.
    fn into_report(self, aggregates: Self::Aggregates, read: Vec<Table>) -> Box<dyn ModelReport>;
}

/// A law of a table with the result of its test.
#[derive(Debug, Clone)]
pub struct TestedLaw {
    pub table: Table,
    pub name: String,
    pub outcome: Outcome,
}
