//! Comparison with what the model, the seed and the size give, value by value.

use super::convert::Converter;
use super::rows::Rows;
use crate::batches::{Batches, ContentHash};
use crate::error::Result;
use crate::model::Parameters;
use crate::scan::Scan;
use crate::tables::Table;
use std::ops::Range;

/// Generates a table again, to be compared with what was read.
#[derive(Debug)]
pub(super) struct Generated {
    batches: Batches,
    converter: Converter,
}

impl Generated {
    /// The rows of `scan`.
    pub fn new(scan: Scan) -> Self {
        let converter = Converter::new(scan.table(), scan.data_set().model().parameters());
        Self { batches: Batches::new(scan), converter }
    }

    pub fn table(&self) -> Table {
        self.batches.scan().table()
    }

    /// The rows of the customers in `ids`, with their content hash.
    pub fn rows(&self, ids: &Range<i64>) -> Result<(Rows, ContentHash)> {
        let mut parts = Vec::new();
        let mut hash = ContentHash::new();
        for batch in self.batches.of_ids(ids.start as u64..ids.end as u64) {
            let batch = batch?;
            hash.update(&batch)?;
            parts.push(self.converter.rows(&batch, &mut super::findings::Findings::default())?);
        }
        Ok((Rows::concat(self.table(), parts), hash))
    }
}

/// How rows that were read differ from those that the model gives.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// Rows that are the same in every value.
    pub equal: u64,
    /// Rows of the same key with other values.
    pub changed: u64,
    /// Rows that should be there.
    pub missing: u64,
    /// Rows that should not be there.
    pub extra: u64,
    /// The first row, by key, that differs, and how.
    pub first: Option<String>,
    /// Of what the model gives.
    pub hash: ContentHash,
}

impl Differences {
    pub fn merge(&mut self, later: Self) {
        self.equal += later.equal;
        self.changed += later.changed;
        self.missing += later.missing;
        self.extra += later.extra;
        self.first = self.first.take().or(later.first);
        self.hash.merge(&later.hash);
    }

    /// How many rows differ.
    pub fn count(&self) -> u64 {
        self.changed + self.missing + self.extra
    }

    fn note(&mut self, describe: impl FnOnce() -> String) {
        if self.first.is_none() {
            self.first = Some(describe());
        }
    }

    /// Compares the rows `range` of `read` with `generated`, both sorted by key.
    pub fn between(
        read: &Rows,
        range: Range<usize>,
        (generated, hash): &(Rows, ContentHash),
        parameters: &Parameters,
    ) -> Self {
        let mut found = Self { hash: *hash, ..Self::default() };
        if range.len() == generated.len() && read.equal(range.clone(), generated, 0..generated.len()) {
            found.equal = range.len() as u64;
            return found;
        }
        let mut due = 0;
        for row in range {
            while due < generated.len() && generated.key(due) < read.key(row) {
                found.lacks(generated, due, parameters);
                due += 1;
            }
            if due == generated.len() || generated.key(due) > read.key(row) {
                found.extra += 1;
                found.note(|| format!("the model does not give this row: {}", read.describe(row, parameters)));
                continue;
            }
            let differing = read.differing_columns(row, generated, due);
            if differing.is_empty() {
                found.equal += 1;
            } else {
                found.changed += 1;
                found.note(|| {
                    let of_model = differing.iter().map(|&column| {
                        let name = read.table().columns()[column].name;
                        format!("{name} {}", generated.value(column, due, Some(parameters)))
                    });
                    let of_model = of_model.collect::<Vec<_>>().join(", ");
                    format!("{}; the model gives {of_model}", read.describe(row, parameters))
                });
            }
            due += 1;
        }
        (due..generated.len()).for_each(|due| found.lacks(generated, due, parameters));
        found
    }

    fn lacks(&mut self, generated: &Rows, due: usize, parameters: &Parameters) {
        self.missing += 1;
        self.note(|| format!("this row is missing: {}", generated.describe(due, parameters)));
    }
}
