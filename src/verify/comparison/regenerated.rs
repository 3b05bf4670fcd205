//! Regenerates the rows that the manifest claims, to compare them value by value.

use crate::batches::{Batches, ContentHash};
use crate::error::Result;
use crate::models::{ColumnSet, Generator, Table};
use crate::scan::Scan;
use crate::verify::reading::{Converter, Rows};
use crate::verify::subject::Subject;
use crate::verify::violations::Violations;
use std::collections::BTreeMap;
use std::ops::Range;

/// Generators for the rows of a claimed data set. Without a claim there are none.
#[derive(Debug)]
pub struct Regenerated {
    /// The claimed tables that the data set has.
    pub claimed: Vec<RegeneratedTable>,
    /// The tables that the data set doesn't have but that the checks need.
    missing: Vec<Generator>,
}

impl Regenerated {
    /// `present` are the tables with customers that the data set has, `missing` the tables that it doesn't have but that
    /// the checks need, with their needed columns.
    pub fn new(subject: &Subject<'_>, present: &[Table], missing: Vec<(Table, ColumnSet)>) -> Self {
        let scans = || subject.claim.iter().flat_map(|claim| &claim.scans);
        let data_set = scans().map(Scan::data_set).next();
        let generator = |(table, columns)| {
            data_set.map(|data_set| Generator::new(data_set.clone(), table, subject.model.window().range(), columns))
        };
        let claimed = scans().filter(|scan| present.contains(&scan.table()));
        Self {
            claimed: claimed.map(|scan| RegeneratedTable::new(scan.clone(), subject)).collect(),
            missing: missing.into_iter().filter_map(generator).collect(),
        }
    }

    /// Generates the rows of the customers in `ids` of a table that the data set doesn't have but that the checks need.
    pub fn missing_rows(&self, table: Table, ids: &Range<i64>) -> Option<Rows> {
        let generator = self.missing.iter().find(|generator| generator.table() == table)?;
        Some(Rows::new(table, generator.rows(ids.start as u64..ids.end as u64)))
    }
}

/// Regenerates a table to compare it with the rows that were read.
#[derive(Debug)]
pub struct RegeneratedTable {
    batches: Batches,
    converter: Converter,
    /// The first ids of the parts whose content a manifest states, ascending.
    cuts: Vec<u64>,
}

/// The content hash of the rows of each part, by the part's first id.
pub type PartHashes = BTreeMap<u64, ContentHash>;

impl RegeneratedTable {
    /// Regenerates the rows of `scan`, which is a claim of `subject`.
    pub fn new(scan: Scan, subject: &Subject<'_>) -> Self {
        let converter = Converter::new(scan.table(), scan.data_set().model());
        let starts = subject.contents(scan.table()).map(|content| content.ids.start);
        let mut cuts: Vec<u64> = starts.chain([scan.ids().start]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        Self { batches: Batches::new(scan), converter, cuts }
    }

    pub fn table(&self) -> Table {
        self.batches.scan().table()
    }

    /// Returns the rows of the customers in `ids` and their content hashes.
    pub fn rows(&self, ids: &Range<i64>) -> Result<(Rows, PartHashes)> {
        let mut parts = Vec::new();
        let mut hashes = PartHashes::new();
        let (mut start, end) = (ids.start as u64, ids.end as u64);
        while start < end {
            let next = self.cuts.partition_point(|&cut| cut <= start);
            let end_of_part = self.cuts.get(next).map_or(end, |&cut| cut.min(end));
            let part = next.checked_sub(1).map_or(start, |own| self.cuts[own]);
            let hash = hashes.entry(part).or_default();
            for batch in self.batches.of_ids(start..end_of_part) {
                let batch = batch?;
                hash.update(&batch)?;
                parts.push(self.converter.rows(&batch, &mut Violations::default())?);
            }
            start = end_of_part;
        }
        Ok((Rows::concat(self.table(), parts), hashes))
    }
}
