//! What the counts say of the model's laws.

mod billing;
mod customers;
mod dispersion;
mod fit;
mod independence;
mod losses;
mod moments;
mod retention;
mod support;
mod usage;

use super::facts::{Facts, Survival};
use super::statistics::{Measured, Outcome, normal};
use super::tally::Tally;
use crate::model::Shares;
use crate::tables::Table;
use crate::tables::expected::RowsPerCustomer;

pub(super) use retention::Activity;
pub use retention::RetentionPoint;
pub(super) use usage::{events_law, minutes_law, sessions_law};

/// One law of one table, tested.
#[derive(Debug, Clone)]
pub(super) struct Law {
    pub table: Table,
    pub name: String,
    pub outcome: Outcome,
}

/// Which tables were read whole, and so can be held against their laws.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    pub tables: Vec<Table>,
    /// Whether it is known which logs were lost.
    pub truth_is_known: bool,
}

/// Every law of the tables that were read, in the order of the report.
pub(super) fn all(facts: &Facts, tally: &Tally, read: &Read) -> Vec<Law> {
    let mut laws = Vec::new();
    for &table in &read.tables {
        let mut law = |name: String, outcome: Outcome| laws.push(Law { table, name, outcome });
        match table {
            Table::Customers => customers::laws(facts, tally, &mut law),
            Table::UsageDaily => {
                law("rows".into(), Ok(rows(facts, tally, table, tally.usage_daily.rows)));
                usage::laws(facts, tally, &tally.usage_daily, facts.survival, &mut law);
                if read.truth_is_known {
                    losses::laws(facts, tally, &mut law);
                }
            }
            Table::UsageTruth => {
                law("rows".into(), Ok(rows(facts, tally, table, tally.usage_truth.rows)));
                usage::laws(facts, tally, &tally.usage_truth, Survival::WHOLE, &mut law);
            }
            Table::Billing => {
                law("rows".into(), Ok(rows(facts, tally, table, tally.invoices)));
                billing::laws(facts, tally, &mut law);
            }
            Table::Support => {
                law("rows".into(), Ok(rows(facts, tally, table, tally.tickets)));
                support::laws(facts, tally, &mut law);
            }
            Table::RetentionCurves => {}
        }
    }
    laws
}

/// The number of rows, against the closed form for so many customers.
fn rows(facts: &Facts, tally: &Tally, table: Table, rows: u64) -> Measured {
    let expected = RowsPerCustomer::new(&facts.model, table, &facts.window.range()).of(tally.customers());
    normal(rows as f64, expected.rows, expected.sd)
}

fn values(shares: &Shares) -> Vec<f64> {
    shares.values().copied().collect()
}

/// Counts by day, as counts by month of the window.
fn by_month(facts: &Facts, by_day: &[u64]) -> Vec<u64> {
    let mut months = vec![0; facts.month_count()];
    by_day.iter().zip(&facts.months).for_each(|(count, &month)| months[month] += count);
    months
}
