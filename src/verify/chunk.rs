//! The checks of some customers and of all rows that belong to them.

use super::again::{Again, rows_of};
use super::customers::{self, Profiles};
use super::exact::Differences;
use super::facts::Facts;
use super::findings::Findings;
use super::rows::Rows;
use super::tally::Tally;
use super::{Subject, activity, invoices, tickets};
use crate::error::{Error, Result};
use crate::tables::Table;
use std::ops::Range;

/// A run of customers and the rows of all tables that belong to them.
pub(super) struct Chunk<'a> {
    pub facts: &'a Facts,
    pub subject: &'a Subject<'a>,
    pub again: &'a Again,
    pub ids: Range<i64>,
    /// By table, sorted.
    pub tables: Vec<Rows>,
}

impl Chunk<'_> {
    fn table(&self, table: Table) -> Option<(&Rows, Range<usize>)> {
        let rows = self.tables.iter().find(|rows| rows.table() == table)?;
        Some((rows, rows.of_customers(&self.ids)))
    }

    /// Counts the rows; returns what is wrong with them, and how they differ from those generated again.
    pub fn check(&self, tally: &mut Tally) -> Result<(Findings, Vec<Differences>)> {
        let mut findings = Findings::default();
        if self.subject.has_whole_window() {
            self.check_rows(tally, &mut findings)?;
        }
        let mut differences = Vec::with_capacity(self.again.tables.len());
        for generated in &self.again.tables {
            let expected = generated.rows(&self.ids)?;
            differences.push(match self.table(generated.table()) {
                Some((table, rows)) => Differences::between(table, rows, &expected, self.subject.model.parameters()),
                None => Differences::default(),
            });
        }
        Ok((findings, differences))
    }

    fn check_rows(&self, tally: &mut Tally, findings: &mut Findings) -> Result<()> {
        let (facts, ids) = (self.facts, &self.ids);
        let profiles = match (self.table(Table::Customers), &self.again.customers) {
            (Some((table, rows)), _) => {
                customers::check(facts, ids, table, rows.clone(), tally, findings);
                Profiles::of(facts, ids, table, rows)
            }
            (None, Some(generated)) => {
                let table = rows_of(generated, ids);
                customers::check(facts, ids, &table, 0..table.len(), tally, findings);
                Profiles::of(facts, ids, &table, 0..table.len())
            }
            (None, None) => return Err(Error::Internal("there are no customers to judge by".into())),
        };
        let truth = self.table(Table::UsageTruth);
        if let Some((table, rows)) = self.table(Table::UsageDaily) {
            activity::check(facts, &profiles, table, rows.clone(), &mut tally.usage_daily, findings);
            if let Some((truth, truth_rows)) = &truth {
                activity::check_logged(facts, table, rows, truth, truth_rows.clone(), findings);
            }
        }
        if let Some((table, rows)) = truth {
            activity::check(facts, &profiles, table, rows, &mut tally.usage_truth, findings);
        } else if let Some(generated) = &self.again.truth {
            activity::count_truth(facts, &profiles, &rows_of(generated, ids), tally);
        }
        if let Some((table, rows)) = self.table(Table::Billing) {
            invoices::check(facts, &profiles, table, rows, tally, findings);
        }
        if let Some((table, rows)) = self.table(Table::Support) {
            tickets::check(facts, &profiles, table, rows, tally, findings);
        }
        Ok(())
    }
}
