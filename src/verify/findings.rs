//! What was found against the structure of the tables: how often, and the first rows.

use crate::tables::Table;
use std::collections::BTreeMap;

/// Offending rows that are shown of each rule.
const EXAMPLES: usize = 5;

/// What every row, or every customer, of a table keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rule {
    /// The table has its columns, in types that can be read as theirs.
    Schema,
    /// No nulls, no value outside its type, no unknown name.
    Values,
    /// Ids are those of the data set, and all of them.
    Ids,
    /// No key occurs twice.
    UniqueKeys,
    /// Ids of rows belong to customers.
    CustomerExists,
    /// Dates lie inside the window and not before signup.
    Dates,
    /// Counts are not negative.
    Counts,
    /// Minutes lie between the plan's limits.
    MinutesLimits,
    /// No feature event without a session.
    EventsNeedSessions,
    /// Invoices are of paid plans.
    PaidPlans,
    /// The amount is the plan's price.
    Amount,
    /// Ids count within the customer, in the order of dates.
    Numbers,
    /// When an invoice with its number comes.
    DueDate,
    /// When the first invoice comes.
    FirstInvoice,
    /// Days between invoices.
    InvoiceGaps,
    /// Invoices go on to the end of the window.
    LastInvoice,
    /// Rows of the table are those of `usage_truth` that were logged.
    LoggedTruth,
    /// The curve is the model's.
    Curve,
    /// Rows stand in the table's order.
    Order,
}

/// What was found against one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// How many rows, or customers.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<String>,
}

/// What was found against all rules.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<(Table, Rule), Found>);

impl Findings {
    /// Takes down one more; `describe` is asked for the first few alone.
    pub fn note(&mut self, table: Table, rule: Rule, describe: impl FnOnce() -> String) {
        let found = self.0.entry((table, rule)).or_default();
        found.count += 1;
        if found.examples.len() < EXAMPLES {
            found.examples.push(describe());
        }
    }

    /// Takes down what came after.
    pub fn merge(&mut self, later: Self) {
        for (key, more) in later.0 {
            let found = self.0.entry(key).or_default();
            found.count += more.count;
            found.examples.extend(more.examples);
            found.examples.truncate(EXAMPLES);
        }
    }

    /// What was found against `rule`.
    pub fn of(&self, table: Table, rule: Rule) -> Found {
        self.0.get(&(table, rule)).cloned().unwrap_or_default()
    }
}
