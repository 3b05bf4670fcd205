//! Regenerates the rows that the manifest claims, to compare them value by value.

use crate::batches::{Batches, ContentHash, TableSource};
use crate::error::Result;
use crate::scan::Scan;
use crate::tables::{ColumnSet, Generator, Table};
use crate::verify::reading::{Converter, Rows};
use crate::verify::subject::Subject;
use crate::verify::violations::Violations;
use std::collections::BTreeMap;
use std::ops::Range;

/// The columns of `usage_truth` that show which logs were lost: customer and date.
const TRUTH_COLUMNS: [usize; 2] = [0, 1];

/// Generators for the rows of a claimed data set. Without a claim there are none.
#[derive(Debug)]
pub struct Regenerated {
    /// The claimed tables that the data set has.
    pub tables: Vec<RegeneratedTable>,
    /// The customers, if the data set has no customers table.
    pub customers: Option<Generator>,
    /// Customer and date of `usage_truth`, if the data set has `usage_daily` but not `usage_truth`.
    pub truth: Option<Generator>,
}

impl Regenerated {
    /// `sources` are the tables with customers that the data set has.
    pub fn new(subject: &Subject<'_>, sources: &[&dyn TableSource]) -> Self {
        let has_table = |table: Table| sources.iter().any(|source| source.table() == table);
        let scans = || subject.claim.iter().flat_map(|claim| &claim.scans);
        let data_set = scans().map(Scan::data_set).next();
        let generator = |table: Table, columns: ColumnSet| {
            data_set.map(|data_set| Generator::new(data_set.clone(), table, subject.model.window().range(), columns))
        };
        let no_customers = !has_table(Table::Customers);
        let no_truth = has_table(Table::UsageDaily) && !has_table(Table::UsageTruth);
        Self {
            tables: scans()
                .filter(|scan| has_table(scan.table()))
                .map(|scan| RegeneratedTable::new(scan.clone(), subject))
                .collect(),
            customers: generator(Table::Customers, ColumnSet::all(Table::Customers)).filter(|_| no_customers),
            truth: generator(Table::UsageTruth, TRUTH_COLUMNS.into_iter().collect()).filter(|_| no_truth),
        }
    }
}

/// Generates the rows of the customers in `ids`.
pub fn rows_of(generator: &Generator, ids: &Range<i64>) -> Rows {
    Rows::new(generator.table(), generator.rows(ids.start as u64..ids.end as u64))
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
        let converter = Converter::new(scan.table(), scan.data_set().model().parameters());
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
