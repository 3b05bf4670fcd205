//! Violations of the rules: how many there are, and the first rows that violate each rule.

use super::rules::Rule;
use crate::models::Table;
use std::collections::HashMap;

/// The number of rows that are shown for each rule.
pub const EXAMPLES: usize = 5;

/// The violations of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleViolations {
    /// The number of rows, or of customers.
    pub count: u64,
    /// Descriptions of the first ones.
    pub examples: Vec<String>,
}

/// The violations of all rules, by table.
#[derive(Debug, Default)]
pub struct Violations(HashMap<(Table, Rule), RuleViolations>);

impl Violations {
    /// Records a violation. Calls `describe` only for the first few violations of the rule.
    pub fn record(&mut self, table: Table, rule: Rule, describe: impl FnOnce() -> String) {
        let recorded = self.0.entry((table, rule)).or_default();
        recorded.count += 1;
        if recorded.examples.len() < EXAMPLES {
            recorded.examples.push(describe());
        }
    }

    /// Adds violations that come after these in the data set.
    pub fn merge(&mut self, later: Self) {
        for (key, more) in later.0 {
            let recorded = self.0.entry(key).or_default();
            recorded.count += more.count;
            recorded.examples.extend(more.examples);
            recorded.examples.truncate(EXAMPLES);
        }
    }

    /// Returns the violations of `rule` in `table`.
    pub fn get(&self, table: Table, rule: Rule) -> RuleViolations {
        self.0.get(&(table, rule)).cloned().unwrap_or_default()
    }
}
