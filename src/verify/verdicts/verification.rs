//! The result of a verification: every check with its evidence and its verdict.

use crate::models::Table;
use crate::verify::reading::Extent;
use crate::verify::report::{Curves, ModelReport};
use crate::verify::statistics::Measured;
use crate::verify::violations::EXAMPLES;
use indexmap::IndexMap;
use serde::Serialize;

/// The result of [`verify`](crate::verify::verify).
#[derive(Debug, Serialize)]
pub struct Verification {
    /// The model's name.
    pub model: String,
    /// The model's fingerprint.
    pub fingerprint: String,
    /// The number of customers that the data set should have.
    pub customers: u64,
    /// Whether no check fails.
    pub holds: bool,
    /// The share of correct data sets that fail any statistical test (Holm).
    pub error_rate: f64,
    /// How much of each table was read, by the table's name. Tables whose columns can't be read are left out.
    pub tables: IndexMap<&'static str, Extent>,
    /// All checks, by table.
    pub checks: Vec<Check>,
    /// The observed curves of the model by their names, each by group of customers. For example, `retention` by plan.
    #[serde(flatten)]
    pub curves: Curves,
    #[serde(skip)]
    pub(in crate::verify) model_tables: &'static [Table],
    #[serde(skip)]
    pub(in crate::verify) model_report: Box<dyn ModelReport>,
}

impl Verification {
    /// Returns the model's table with this name.
    pub(in crate::verify) fn table(&self, name: &str) -> Option<Table> {
        self.model_tables.iter().copied().find(|table| table.name() == name)
    }
}

/// A condition that a data set must meet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The table that is checked.
    pub table: &'static str,
    /// The condition.
    pub name: String,
    /// The result of the check.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// Whether the condition holds.
    pub verdict: Verdict,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// The result for a rule that every row must keep.
    Structure {
        /// The number of rows, or of customers, that violate the rule.
        violations: u64,
        /// The first of them. At most five.
        examples: Vec<String>,
    },
    /// The result of a statistical test.
    Law(Measured),
    /// The result of the comparison with the rows that the model generates.
    Exact {
        /// The number of rows whose values are all equal.
        equal: u64,
        /// The number of rows with the key of a generated row but other values.
        changed: u64,
        /// The number of generated rows that are missing.
        missing: u64,
        /// The number of rows that the model does not generate.
        extra: u64,
        /// A description of the first difference in the order of keys.
        first_difference: Option<String>,
        /// The content hash of the generated rows.
        content_hash: String,
        /// The statements of manifests that are wrong about the generated rows: their number and their content hash.
        wrong_statements: Vec<String>,
    },
    /// The check was not run.
    NotRun {
        /// The reason.
        reason: String,
    },
}

/// Whether a check holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The condition holds.
    Holds,
    /// The condition does not hold.
    Fails,
    /// The check could not be run.
    NotRun,
}

impl Check {
    /// Returns a check of a rule that every row, or every statement, must keep. It fails if there are violations.
    pub fn structure(table: &'static str, name: impl Into<String>, violations: u64, examples: Vec<String>) -> Self {
        let verdict = if violations == 0 { Verdict::Holds } else { Verdict::Fails };
        Self { table, name: name.into(), evidence: Evidence::Structure { violations, examples }, verdict }
    }

    /// Returns a check of statements, of which `faults` are wrong.
    pub fn of_statements(table: &'static str, name: impl Into<String>, mut faults: Vec<String>) -> Self {
        let violations = faults.len() as u64;
        faults.truncate(EXAMPLES);
        Self::structure(table, name, violations, faults)
    }

    /// Returns a check that was not run, with the reason.
    pub fn not_run(table: &'static str, name: impl Into<String>, reason: impl Into<String>) -> Self {
        let evidence = Evidence::NotRun { reason: reason.into() };
        Self { table, name: name.into(), evidence, verdict: Verdict::NotRun }
    }
}

impl Verification {
    /// Returns the number of checks with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }

    /// Returns the check of `table` with this name.
    pub fn check(&self, table: Table, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.table == table.name() && check.name == name)
    }
}
