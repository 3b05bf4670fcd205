//! Reads tables in stripes: the rows of all tables for some customers at a time, whatever order they come in.
//!
//! Row groups whose customers follow each other are read once each, and what lies beyond the stripe is kept for the
//! next one. Of tables whose row groups overlap, or are huge, every stripe reads those that may have rows of it: slower, by as many
//! times as there are stripes, but in the same memory.

use super::ReadOptions;
use super::convert::Converter;
use super::findings::{Findings, Rule};
use super::rows::{Key, Rows};
use super::run::Stripe;
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::model::Parameters;
use crate::tables::Table;
use crate::workers::run_in_order;
use std::ops::{Range, RangeInclusive};
use std::sync::atomic::Ordering;

/// Rows of a row group beyond which what lies outside of the stripe is read again, not kept: some 200 MB.
const LARGEST_ROW_GROUPS: u64 = 1 << 23;

/// The tables of a data set, read together.
pub(super) struct Inputs<'a> {
    inputs: Vec<Input<'a>>,
    positions: Vec<Position>,
}

/// A table to be read in stripes.
struct Input<'a> {
    source: &'a dyn TableSource,
    converter: Converter,
    parameters: &'a Parameters,
    /// The customers that the data set should have.
    ids: Range<i64>,
    /// By row group.
    customer_ids: Vec<RangeInclusive<i64>>,
    follows: bool,
}

/// How far a table was read.
struct Position {
    /// The first row group not read yet, where they follow each other.
    next: usize,
    /// Rows of the stripe and beyond it, as they were decoded: each part is sorted, and each follows the one before.
    parts: Vec<Rows>,
    /// Row groups that were read before, whose findings are noted already.
    noted: Vec<bool>,
    /// The key of the last row of the row group before.
    last_key: Option<Key>,
}

/// A row group's rows, as far as they may be wanted.
struct Decoded {
    /// Batch by batch, each sorted. Joined they would be copied, and memory that is new is dear.
    parts: Vec<Rows>,
    findings: Findings,
    /// The keys of the first and of the last row.
    ends: Option<(Key, Key)>,
}

impl<'a> Inputs<'a> {
    /// `sources` are tables of customers whose columns can all be read; `ids` the customers that there should be.
    pub fn new(sources: &[&'a dyn TableSource], parameters: &'a Parameters, ids: &Range<i64>) -> Self {
        let inputs: Vec<Input<'a>> = sources.iter().map(|source| Input::new(*source, parameters, ids)).collect();
        let positions = inputs.iter().map(|input| Position {
            next: 0,
            parts: Vec::new(),
            noted: vec![false; input.customer_ids.len()],
            last_key: None,
        });
        Self { positions: positions.collect(), inputs }
    }

    /// Reads the rows of the customers in `stripe`, which [`Self::rows_of`] then gives. Stripes are taken in order.
    ///
    /// # Errors
    /// Where a source fails, or a row group holds customers that it says it doesn't.
    pub fn take(&mut self, stripe: &Stripe, options: ReadOptions<'_>, findings: &mut Findings) -> Result<()> {
        for (input, position) in self.inputs.iter().zip(&mut self.positions) {
            position.forget(input.follows, stripe.ids.start);
        }
        let wanted = self.inputs.iter().zip(&self.positions).enumerate();
        let jobs: Vec<(usize, usize)> = wanted
            .flat_map(|(table, (input, position))| {
                input.wanted(position.next, stripe).into_iter().map(move |row_group| (table, row_group))
            })
            .collect();
        let (inputs, positions) = (&self.inputs, &mut self.positions);
        let decode = |(table, row_group): (usize, usize)| {
            let input: &Input<'_> = &inputs[table];
            input.decode(row_group, stripe, options)
        };
        run_in_order(&jobs, options.threads, decode, |(table, row_group), decoded: Decoded| {
            positions[table].add(inputs[table].table(), row_group, decoded, findings);
            Ok(())
        })?;
        for (input, position) in inputs.iter().zip(positions) {
            if !position.is_in_order() {
                position.parts = vec![Rows::concat(input.table(), std::mem::take(&mut position.parts)).sorted()];
            }
        }
        Ok(())
    }

    /// The rows of some customers of the stripe, by table and sorted.
    pub fn rows_of(&self, ids: &Range<i64>) -> Vec<Rows> {
        let tables = self.inputs.iter().zip(&self.positions);
        let rows = |parts: &[Rows]| parts.iter().map(|part| part.slice(part.of_customers(ids))).collect();
        tables.map(|(input, position)| Rows::concat(input.table(), rows(&position.parts))).collect()
    }
}

impl<'a> Input<'a> {
    fn new(source: &'a dyn TableSource, parameters: &'a Parameters, ids: &Range<i64>) -> Self {
        let customer_ids: Vec<RangeInclusive<i64>> = (0..source.row_groups())
            .map(|row_group| source.customer_ids(row_group).unwrap_or(i64::MIN..=i64::MAX))
            .collect();
        let filled: Vec<&RangeInclusive<i64>> = customer_ids.iter().filter(|ids| !ids.is_empty()).collect();
        let follows = filled.windows(2).all(|pair| pair[0].end() <= pair[1].start());
        let rows_of_group = source.rows().unwrap_or(0) / source.row_groups().max(1) as u64;
        let follows = follows && rows_of_group <= LARGEST_ROW_GROUPS;
        let converter = Converter::new(source.table(), parameters);
        Self { source, converter, parameters, ids: ids.clone(), customer_ids, follows }
    }

    fn table(&self) -> Table {
        self.source.table()
    }

    /// The row groups from `next` on that may have rows of the stripe.
    fn wanted(&self, next: usize, stripe: &Stripe) -> Vec<usize> {
        let overlaps = |row_group: &usize| {
            let ids = &self.customer_ids[*row_group];
            // The first and the last stripe also read what should not be there.
            let begins_before = *ids.start() < stripe.ids.end || stripe.is_last;
            begins_before && (self.follows || *ids.end() >= stripe.ids.start || stripe.is_first)
        };
        (next..self.customer_ids.len()).filter(overlaps).collect()
    }

    fn decode(&self, row_group: usize, stripe: &Stripe, options: ReadOptions<'_>) -> Result<Decoded> {
        let mut decoded = Decoded { parts: Vec::new(), findings: Findings::default(), ends: None };
        for batch in self.source.batches(row_group)? {
            if options.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let batch = batch?;
            let rows = self.converter.rows(&batch, &mut decoded.findings)?;
            (options.progress)(batch.num_rows() as u64);
            let are_sorted = rows.are_sorted();
            self.check_order(&rows, are_sorted, &mut decoded);
            self.check_ids(row_group, &rows, &mut decoded.findings)?;
            let is_wanted = |id: i64| self.ids.contains(&id) && (self.follows || stripe.ids.contains(&id));
            let part = rows.retain_customers(is_wanted);
            let part = if are_sorted { part } else { part.sorted() };
            decoded.parts.extend(Some(part).filter(|part| part.len() > 0));
        }
        Ok(decoded)
    }

    fn check_order(&self, rows: &Rows, are_sorted: bool, decoded: &mut Decoded) {
        let follows = |key: Key| decoded.ends.is_none_or(|(_, last)| last <= key);
        if rows.len() > 0 && are_sorted && follows(rows.key(0)) {
            let first = decoded.ends.map_or_else(|| rows.key(0), |(first, _)| first);
            decoded.ends = Some((first, rows.key(rows.len() - 1)));
            return;
        }
        for row in 0..rows.len() {
            let key = rows.key(row);
            let (first, last) = decoded.ends.unwrap_or((key, key));
            if key < last {
                decoded.findings.note(self.table(), Rule::Order, || rows.describe(row, self.parameters));
            }
            decoded.ends = Some((first, key));
        }
    }

    /// Notes the rows of customers that should not be there.
    fn check_ids(&self, row_group: usize, rows: &Rows, findings: &mut Findings) -> Result<()> {
        let (table, stated) = (self.table(), &self.customer_ids[row_group]);
        let rule = if table == Table::Customers { Rule::Ids } else { Rule::CustomerExists };
        for (row, id) in rows.customers().iter().enumerate() {
            if !stated.contains(id) {
                let (least, most) = (stated.start(), stated.end());
                let message = format!("row group {row_group} says its customers are {least} to {most}, but has {id}");
                return Err(Error::invalid(table.name(), message));
            }
            if !self.ids.contains(id) {
                findings.note(table, rule, || rows.describe(row, self.parameters));
            }
        }
        Ok(())
    }
}

impl Position {
    /// Drops the rows of customers before `first`, and all where they are read again.
    fn forget(&mut self, follows: bool, first: i64) {
        if !follows {
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

    fn add(&mut self, table: Table, row_group: usize, decoded: Decoded, findings: &mut Findings) {
        self.next = row_group + 1;
        self.parts.extend(decoded.parts);
        if std::mem::replace(&mut self.noted[row_group], true) {
            return;
        }
        findings.merge(decoded.findings);
        if let Some((first, last)) = decoded.ends {
            if self.last_key.is_some_and(|before| first < before) {
                let text =
                    || format!("row group {row_group} begins at customer {}, before the end of the last", first.0);
                findings.note(table, Rule::Order, text);
            }
            self.last_key = Some(last);
        }
    }
}
