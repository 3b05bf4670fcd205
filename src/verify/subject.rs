//! The input of [`verify`](super::verify): a data set, and how to read it.

use super::reading::CUSTOMER_ID;
use super::verdicts::Check;
use crate::batches::TableSource;
use crate::models::{Model, Table};
use crate::scan::Scan;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

/// The share of correct data sets that fail any statistical test: one in a million.
pub const ERROR_RATE: f64 = 1e-6;

/// The approximate number of rows of the largest table that are in memory at one time: some 50 MB of daily usage.
///
/// With twice as many rows, `verify` takes 583 MiB instead of 420 for ten million customers, and is not faster.
pub const STRIPE_ROWS: u64 = 1 << 21;

/// The content that a manifest or a server states for a data set.
#[derive(Debug)]
pub struct Claim {
    /// The rows that each table should have: all rows, or the rows of a range of customers or days.
    pub scans: Vec<Scan>,
    /// The stated content of tables.
    pub contents: Vec<StatedContent>,
    /// Checks of statements that are not about values, for example the sizes of files.
    pub checks: Vec<Check>,
}

impl Claim {
    /// Returns a claim of rows, without any other statement.
    pub fn of_rows(scans: Vec<Scan>) -> Self {
        Self { scans, contents: Vec::new(), checks: Vec::new() }
    }
}

/// The number of rows and the content hash that a manifest states for a table, or for one part of it.
#[derive(Debug, Clone)]
pub struct StatedContent {
    /// The name of the manifest.
    pub manifest: String,
    /// The table.
    pub table: Table,
    /// The customers of the rows. For a table without customers, the numbers of its sections.
    pub ids: Range<u64>,
    /// The number of rows.
    pub rows: u64,
    /// The content hash.
    pub hash: String,
}

/// Options for reading a data set.
#[derive(Clone, Copy)]
pub struct ReadOptions<'a> {
    /// The number of threads that read row groups and check customers.
    pub threads: usize,
    /// The approximate number of rows of the largest table to keep in memory, for example [`STRIPE_ROWS`].
    pub stripe_rows: u64,
    /// If another thread sets this, reading ends with [`Error::Interrupted`](crate::error::Error::Interrupted).
    pub stop: &'a AtomicBool,
    /// Called with the number of rows of each batch that was read.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// The data set to verify, with the model to verify it against.
pub struct Subject<'a> {
    /// The model.
    pub model: &'a Model,
    /// The tables of the data set, each once.
    pub sources: &'a [&'a dyn TableSource],
    /// The stated content of the data set, or `None` for files of unknown origin.
    pub claim: Option<Claim>,
    /// The share of correct data sets that may fail any statistical test, for example [`ERROR_RATE`].
    pub error_rate: f64,
}

impl Subject<'_> {
    /// Returns the stated content of a table: one for the whole table, or one for each part.
    pub fn contents(&self, table: Table) -> impl Iterator<Item = &StatedContent> {
        self.claim.iter().flat_map(|claim| &claim.contents).filter(move |content| content.table == table)
    }

    /// Returns the tables that the data set must have: the claimed ones or, without a claim, the observed ones.
    pub fn required(&self) -> Vec<Table> {
        match &self.claim {
            Some(claim) => claim.scans.iter().map(Scan::table).collect(),
            None => self.model.tables().iter().copied().filter(|table| table.is_observed()).collect(),
        }
    }

    /// Returns the table that has one row for each customer.
    pub fn customers_table(&self) -> Option<Table> {
        self.model.tables().iter().copied().find(|table| table.primary_key() == [CUSTOMER_ID])
    }

    /// Returns whether the data set should have all days of the window. With fewer days no law and few rules can be
    /// checked.
    pub fn has_whole_window(&self) -> bool {
        let mut scans = self.claim.iter().flat_map(|claim| &claim.scans);
        scans.all(|scan| scan.days() == self.model.window().range())
    }
}
