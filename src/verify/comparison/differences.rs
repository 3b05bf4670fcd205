//! Compares the rows that were read with the rows that the model generates, value by value.

use super::regenerated::PartHashes;
use crate::batches::ContentHash;
use crate::models::Model;
use crate::verify::reading::Rows;
use std::ops::Range;

/// The differences between the rows that were read and the rows that the model generates.
#[derive(Debug, Default)]
pub struct Differences {
    /// The number of rows whose values are all equal.
    pub equal: u64,
    /// The number of rows with the key of a generated row but other values.
    pub changed: u64,
    /// The number of generated rows that are missing.
    pub missing: u64,
    /// The number of rows that the model does not generate.
    pub extra: u64,
    /// A description of the first difference in the order of keys.
    pub first: Option<String>,
    /// The content hashes of the generated rows.
    pub hashes: PartHashes,
}

impl Differences {
    /// Adds differences that come after these in the order of keys.
    pub fn merge(&mut self, later: Self) {
        self.equal += later.equal;
        self.changed += later.changed;
        self.missing += later.missing;
        self.extra += later.extra;
        self.first = self.first.take().or(later.first);
        for (part, hash) in later.hashes {
            self.hashes.entry(part).or_default().merge(&hash);
        }
    }

    /// Returns the content hash of all generated rows.
    pub fn hash(&self) -> ContentHash {
        let mut all = ContentHash::new();
        self.hashes.values().for_each(|hash| all.merge(hash));
        all
    }

    /// Returns the content hash of the generated rows of `ids`, which are all rows or a part whose content is stated.
    pub fn hash_of(&self, ids: &Range<u64>) -> ContentHash {
        self.hashes.get(&ids.start).copied().filter(|_| !ids.is_empty()).unwrap_or_default()
    }

    /// Returns the number of rows that differ.
    pub fn count(&self) -> u64 {
        self.changed + self.missing + self.extra
    }

    fn record(&mut self, describe: impl FnOnce() -> String) {
        if self.first.is_none() {
            self.first = Some(describe());
        }
    }

    /// Compares the rows `range` of `read` with `generated`. Both are sorted by key.
    pub fn compare(read: &Rows, range: Range<usize>, (generated, hashes): (Rows, PartHashes), model: &Model) -> Self {
        let generated = &generated;
        let mut differences = Self { hashes, ..Self::default() };
        if range.len() == generated.len() && read.equal(range.clone(), generated, 0..generated.len()) {
            differences.equal = range.len() as u64;
            return differences;
        }
        let mut next = 0;
        for row in range {
            while next < generated.len() && generated.key(next) < read.key(row) {
                differences.record_missing(generated, next, model);
                next += 1;
            }
            if next == generated.len() || generated.key(next) > read.key(row) {
                differences.extra += 1;
                differences.record(|| format!("the model does not generate this row: {}", read.describe(row, model)));
                continue;
            }
            let differing = read.differing_columns(row, generated, next);
            if differing.is_empty() {
                differences.equal += 1;
            } else {
                differences.changed += 1;
                differences.record(|| {
                    let values = differing.iter().map(|&column| {
                        let name = read.table().columns()[column].name;
                        format!("{name} {}", generated.value(column, next, Some(model)))
                    });
                    let values = values.collect::<Vec<_>>().join(", ");
                    format!("{}; the model generates {values}", read.describe(row, model))
                });
            }
            next += 1;
        }
        (next..generated.len()).for_each(|next| differences.record_missing(generated, next, model));
        differences
    }

    fn record_missing(&mut self, generated: &Rows, next: usize, model: &Model) {
        self.missing += 1;
        self.record(|| format!("this row is missing: {}", generated.describe(next, model)));
    }
}
