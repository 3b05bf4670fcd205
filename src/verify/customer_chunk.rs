//! A chunk of customers with their rows in all tables.

use super::comparison::{Differences, Regenerated};
use super::reading::Rows;
use crate::error::Result;
use crate::models::{Model, Table};
use std::ops::Range;

/// Consecutive customers and their rows in all tables.
pub struct CustomerChunk<'a> {
    pub ids: Range<i64>,
    /// The rows of each table that the data set has, sorted.
    pub tables: Vec<Rows>,
    pub regenerated: &'a Regenerated,
}

impl CustomerChunk<'_> {
    /// Returns the rows of a table that the data set has.
    pub fn rows(&self, table: Table) -> Option<(&Rows, Range<usize>)> {
        let rows = self.tables.iter().find(|rows| rows.table() == table)?;
        Some((rows, rows.of_customers(&self.ids)))
    }

    /// Returns the generated rows of a table that the data set doesn't have but that the checks need. Returns `None` if
    /// the data set is not known.
    pub fn generated_rows(&self, table: Table) -> Option<Rows> {
        self.regenerated.missing_rows(table, &self.ids)
    }

    /// Compares the rows of each claimed table with the regenerated rows.
    ///
    /// # Errors
    /// Returns the error of Arrow if it fails to convert regenerated rows.
    pub fn differences(&self, model: &Model) -> Result<Vec<Differences>> {
        let compared = self.regenerated.claimed.iter().map(|regenerated| {
            let expected = regenerated.rows(&self.ids)?;
            Ok(match self.rows(regenerated.table()) {
                Some((table, rows)) => Differences::compare(table, rows, expected, model),
                None => Differences::default(),
            })
        });
        compared.collect()
    }
}
