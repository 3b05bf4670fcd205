//! Checks a chunk of customers with their rows in all tables.

use super::aggregates::Aggregates;
use super::profiles::Profiles;
use super::{billing, customers, support, usage};
use crate::error::{Error, Result};
use crate::tables::Table;
use crate::verify::comparison::{Differences, Regenerated, rows_of};
use crate::verify::derived_model::DerivedModel;
use crate::verify::reading::Rows;
use crate::verify::subject::Subject;
use crate::verify::violations::Violations;
use std::ops::Range;

/// Consecutive customers and their rows in all tables.
pub struct CustomerChunk<'a> {
    pub model: &'a DerivedModel,
    pub subject: &'a Subject<'a>,
    pub regenerated: &'a Regenerated,
    pub ids: Range<i64>,
    /// The rows of each table, sorted.
    pub tables: Vec<Rows>,
}

impl CustomerChunk<'_> {
    fn table(&self, table: Table) -> Option<(&Rows, Range<usize>)> {
        let rows = self.tables.iter().find(|rows| rows.table() == table)?;
        Some((rows, rows.of_customers(&self.ids)))
    }

    /// Counts the rows. Returns their violations of rules, and their differences from the regenerated rows.
    pub fn check(&self, aggregates: &mut Aggregates) -> Result<(Violations, Vec<Differences>)> {
        let mut violations = Violations::default();
        if self.subject.has_whole_window() {
            self.check_rows(aggregates, &mut violations)?;
        }
        let mut differences = Vec::with_capacity(self.regenerated.tables.len());
        for regenerated in &self.regenerated.tables {
            let expected = regenerated.rows(&self.ids)?;
            differences.push(match self.table(regenerated.table()) {
                Some((table, rows)) => Differences::compare(table, rows, expected, self.subject.model.parameters()),
                None => Differences::default(),
            });
        }
        Ok((violations, differences))
    }

    fn check_rows(&self, aggregates: &mut Aggregates, violations: &mut Violations) -> Result<()> {
        let (model, ids) = (self.model, &self.ids);
        let profiles = match (self.table(Table::Customers), &self.regenerated.customers) {
            (Some((table, rows)), _) => {
                customers::check(model, ids, table, rows.clone(), aggregates, violations);
                Profiles::new(model, ids, table, rows)
            }
            (None, Some(generated)) => {
                let table = rows_of(generated, ids);
                customers::check(model, ids, &table, 0..table.len(), aggregates, violations);
                Profiles::new(model, ids, &table, 0..table.len())
            }
            (None, None) => {
                return Err(Error::Internal("there are neither customers nor a claim to generate them".into()));
            }
        };
        let truth = self.table(Table::UsageTruth);
        if let Some((table, rows)) = self.table(Table::UsageDaily) {
            usage::check(model, &profiles, table, rows.clone(), &mut aggregates.usage_daily, violations);
            if let Some((truth, truth_rows)) = &truth {
                usage::check_logged(model, table, rows, truth, truth_rows.clone(), violations);
            }
        }
        if let Some((table, rows)) = truth {
            usage::check(model, &profiles, table, rows, &mut aggregates.usage_truth, violations);
        } else if let Some(generated) = &self.regenerated.truth {
            usage::count_truth(model, &profiles, &rows_of(generated, ids), aggregates);
        }
        if let Some((table, rows)) = self.table(Table::Billing) {
            billing::check(model, &profiles, table, rows, aggregates, violations);
        }
        if let Some((table, rows)) = self.table(Table::Support) {
            support::check(model, &profiles, table, rows, aggregates, violations);
        }
        Ok(())
    }
}
