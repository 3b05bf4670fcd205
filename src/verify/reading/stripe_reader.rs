//! Reads tables in stripes. A stripe has the rows of all tables for a range of customers, in whatever order the tables
//! store them.
//!
//! If the row groups of a table are in the order of customers, each row group is read once, and rows beyond the stripe
//! are kept for the next stripe. If row groups overlap or are very large, each stripe reads every row group that may
//! have rows of it. Memory is the same, but each row group may be read once for every stripe.

use super::convert::Converter;
use super::extent::Extent;
use super::rows::{RowKey, Rows};
use super::stripe::Stripe;
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::models::{Model, Table};
use crate::verify::rules::Rule;
use crate::verify::subject::{ReadOptions, Subject};
use crate::verify::violations::Violations;
use crate::workers::run_in_order;
use std::ops::{Range, RangeInclusive};
use std::sync::atomic::Ordering;

/// The largest mean number of rows of a row group for which rows beyond the stripe are kept: some 200 MB. If row groups
/// are larger, each stripe reads them again.
const LARGEST_ROW_GROUP: u64 = 1 << 23;

/// Reads the tables of a data set together, stripe by stripe.
pub struct StripeReader<'a> {
    readers: Vec<TableReader<'a>>,
    positions: Vec<Position>,
}

/// Reads one table in stripes.
struct TableReader<'a> {
    source: &'a dyn TableSource,
    converter: Converter,
    model: &'a Model,
    /// The rule that rows of customers outside the data set violate.
    rule_of_ids: Rule,
    /// The ids of the customers that the data set should have.
    ids: Range<i64>,
    /// The range of customers of each row group.
    customer_ids: Vec<RangeInclusive<i64>>,
    /// Whether each row group is read only once: row groups are in the order of customers and not very large.
    reads_once: bool,
}

/// How far a table has been read.
struct Position {
    /// The first row group that has not been read, if each is read only once.
    next: usize,
    /// Rows of the stripe and beyond it. Each part is sorted and follows the part before it.
    parts: Vec<Rows>,
    /// Which row groups have been read, so their violations are already recorded.
    recorded: Vec<bool>,
    /// The rows of these row groups.
    extent: Extent,
    /// The key of the last row of the row group that was read last.
    last_key: Option<RowKey>,
}

/// The rows of a row group that this stripe or a later one needs.
struct Decoded {
    /// One part for each batch, each sorted. They are not concatenated: this would copy them into new memory.
    parts: Vec<Rows>,
    violations: Violations,
    extent: Extent,
    /// The keys of the first and of the last row.
    ends: Option<(RowKey, RowKey)>,
}

impl<'a> StripeReader<'a> {
    /// `sources` are tables with customers whose columns are all readable. `ids` are the customers that the data set
    /// should have.
    pub fn new(sources: &[&'a dyn TableSource], subject: &'a Subject<'a>, ids: &Range<i64>) -> Self {
        let readers: Vec<TableReader<'a>> =
            sources.iter().map(|source| TableReader::new(*source, subject, ids)).collect();
        let positions = readers.iter().map(|reader| Position {
            next: 0,
            parts: Vec::new(),
            recorded: vec![false; reader.customer_ids.len()],
            extent: Extent::default(),
            last_key: None,
        });
        Self { positions: positions.collect(), readers }
    }

    /// Reads the rows of the customers in `stripe`. [`Self::rows_of`] then returns them. Stripes must be read in order.
    ///
    /// # Errors
    /// Returns the error of a source that fails. Returns [`Error::Io`] if a row group has a customer outside the range
    /// that it states. Returns [`Error::Interrupted`] if `options.stop` was set.
    pub fn read(&mut self, stripe: &Stripe, options: ReadOptions<'_>, violations: &mut Violations) -> Result<()> {
        for (reader, position) in self.readers.iter().zip(&mut self.positions) {
            position.drop_before(reader.reads_once, stripe.ids.start);
        }
        let needed = self.readers.iter().zip(&self.positions).enumerate();
        let jobs: Vec<(usize, usize)> = needed
            .flat_map(|(table, (reader, position))| {
                reader.needed(position.next, stripe).into_iter().map(move |row_group| (table, row_group))
            })
            .collect();
        let (readers, positions) = (&self.readers, &mut self.positions);
        let decode = |(table, row_group): (usize, usize)| {
            let reader: &TableReader<'_> = &readers[table];
            reader.decode(row_group, stripe, options)
        };
        run_in_order(&jobs, options.threads, decode, |(table, row_group), decoded: Decoded| {
            positions[table].add(readers[table].table(), row_group, decoded, violations);
            Ok(())
        })?;
        for (reader, position) in readers.iter().zip(positions) {
            if !position.is_in_order() {
                position.parts = vec![Rows::concat(reader.table(), std::mem::take(&mut position.parts)).sorted()];
            }
        }
        Ok(())
    }

    /// Returns how much of each table has been read.
    pub fn extents(&self) -> impl Iterator<Item = (Table, Extent)> {
        self.readers.iter().zip(&self.positions).map(|(reader, position)| (reader.table(), position.extent))
    }

    /// Returns the rows of a range of customers of the stripe. Each table is sorted.
    pub fn rows_of(&self, ids: &Range<i64>) -> Vec<Rows> {
        let tables = self.readers.iter().zip(&self.positions);
        let rows = |parts: &[Rows]| parts.iter().map(|part| part.slice(part.of_customers(ids))).collect();
        tables.map(|(reader, position)| Rows::concat(reader.table(), rows(&position.parts))).collect()
    }
}

impl<'a> TableReader<'a> {
    fn new(source: &'a dyn TableSource, subject: &'a Subject<'a>, ids: &Range<i64>) -> Self {
        let customer_ids: Vec<RangeInclusive<i64>> = (0..source.row_groups())
            .map(|row_group| source.customer_ids(row_group).unwrap_or(i64::MIN..=i64::MAX))
            .collect();
        let filled: Vec<&RangeInclusive<i64>> = customer_ids.iter().filter(|ids| !ids.is_empty()).collect();
        let is_in_order = filled.windows(2).all(|pair| pair[0].end() <= pair[1].start());
        let rows_of_group = source.rows().unwrap_or(0) / source.row_groups().max(1) as u64;
        let reads_once = is_in_order && rows_of_group <= LARGEST_ROW_GROUP;
        let model = subject.model;
        let is_of_customers = subject.customers_table() == Some(source.table());
        Self {
            source,
            converter: Converter::new(source.table(), model),
            model,
            rule_of_ids: if is_of_customers { Rule::Ids } else { Rule::CustomerExists },
            ids: ids.clone(),
            customer_ids,
            reads_once,
        }
    }

    fn table(&self) -> Table {
        self.source.table()
    }

    /// Returns the row groups, from `next` on, that may have rows of the stripe.
    fn needed(&self, next: usize, stripe: &Stripe) -> Vec<usize> {
        let overlaps = |row_group: &usize| {
            let ids = &self.customer_ids[*row_group];
            // The first and the last stripe also read rows of customers outside the data set.
            let begins_before = *ids.start() < stripe.ids.end || stripe.is_last;
            begins_before && (self.reads_once || *ids.end() >= stripe.ids.start || stripe.is_first)
        };
        (next..self.customer_ids.len()).filter(overlaps).collect()
    }

    fn decode(&self, row_group: usize, stripe: &Stripe, options: ReadOptions<'_>) -> Result<Decoded> {
        let (violations, extent) = (Violations::default(), Extent::default());
        let mut decoded = Decoded { parts: Vec::new(), violations, extent, ends: None };
        for batch in self.source.batches(row_group)? {
            if options.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let batch = batch?;
            let rows = self.converter.rows(&batch, &mut decoded.violations)?;
            decoded.extent.add(batch.num_rows(), &rows);
            (options.progress)(batch.num_rows() as u64);
            let are_sorted = rows.are_sorted();
            self.check_order(&rows, are_sorted, &mut decoded);
            self.check_ids(row_group, &rows, &mut decoded.violations)?;
            let is_needed = |id: i64| self.ids.contains(&id) && (self.reads_once || stripe.ids.contains(&id));
            let part = rows.retain_customers(is_needed);
            let part = if are_sorted { part } else { part.sorted() };
            decoded.parts.extend(Some(part).filter(|part| part.len() > 0));
        }
        Ok(decoded)
    }

    /// Records the rows that are out of order.
    fn check_order(&self, rows: &Rows, are_sorted: bool, decoded: &mut Decoded) {
        let follows = |key: RowKey| decoded.ends.is_none_or(|(_, last)| last <= key);
        if rows.len() > 0 && are_sorted && follows(rows.key(0)) {
            let first = decoded.ends.map_or_else(|| rows.key(0), |(first, _)| first);
            decoded.ends = Some((first, rows.key(rows.len() - 1)));
            return;
        }
        for row in 0..rows.len() {
            let key = rows.key(row);
            let (first, last) = decoded.ends.unwrap_or((key, key));
            if key < last {
                decoded.violations.record(self.table(), Rule::Order, || rows.describe(row, self.model));
            }
            decoded.ends = Some((first, key));
        }
    }

    /// Records the rows of customers outside the data set.
    fn check_ids(&self, row_group: usize, rows: &Rows, violations: &mut Violations) -> Result<()> {
        let (table, stated) = (self.table(), &self.customer_ids[row_group]);
        for (row, id) in rows.customers().iter().enumerate() {
            if !stated.contains(id) {
                let (least, most) = (stated.start(), stated.end());
                let message =
                    format!("row group {row_group} states customers {least} to {most}, but has customer {id}");
                return Err(Error::invalid(table.name(), message));
            }
            if !self.ids.contains(id) {
                violations.record(table, self.rule_of_ids, || rows.describe(row, self.model));
            }
        }
        Ok(())
    }
}

impl Position {
    /// Drops the rows of customers before `first`. If row groups are read for each stripe, drops all rows.
    fn drop_before(&mut self, reads_once: bool, first: i64) {
        if !reads_once {
            self.next = 0;
            self.parts.clear();
        }
        self.parts.retain(|part| part.customers().last().is_some_and(|&last| last >= first));
    }

    fn is_in_order(&self) -> bool {
        let ends = |pair: &[Rows]| (pair[0].key(pair[0].len() - 1), pair[1].key(0));
        self.parts.windows(2).all(|pair| {
            let (last, first) = ends(pair);
            last <= first
        })
    }

    fn add(&mut self, table: Table, row_group: usize, decoded: Decoded, violations: &mut Violations) {
        self.next = row_group + 1;
        self.parts.extend(decoded.parts);
        if std::mem::replace(&mut self.recorded[row_group], true) {
            return;
        }
        violations.merge(decoded.violations);
        self.extent.merge(&decoded.extent);
        if let Some((first, last)) = decoded.ends {
            if self.last_key.is_some_and(|before| first < before) {
                let text = || {
                    format!(
                        "row group {row_group} begins at customer {}, before the end of the row group before it",
                        first.0
                    )
                };
                violations.record(table, Rule::Order, text);
            }
            self.last_key = Some(last);
        }
    }
}
