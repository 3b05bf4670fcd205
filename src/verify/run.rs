//! Reads the tables stripe by stripe, and has chunks of customers checked by several threads.

use super::again::Again;
use super::chunk::Chunk;
use super::exact::Differences;
use super::facts::Facts;
use super::findings::Findings;
use super::input::Inputs;
use super::tally::Tally;
use super::{Found, ReadOptions, Subject};
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::tables::Table;
use crate::tables::expected::RowsPerCustomer;
use crate::workers::run_in_order;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// Customers whose rows are checked by one thread at a time.
const CHUNK_CUSTOMERS: i64 = 4_096;

/// Some of the customers, whose rows are in memory together.
pub(super) struct Stripe {
    pub ids: Range<i64>,
    /// The first and the last stripe take what should not be there, too.
    pub is_first: bool,
    pub is_last: bool,
}

/// One reading of a data set.
pub(super) struct Run<'a> {
    pub facts: &'a Facts,
    pub subject: &'a Subject<'a>,
    /// The customers that there should be.
    pub ids: &'a Range<i64>,
    pub options: ReadOptions<'a>,
}

impl Run<'_> {
    /// Reads the tables of customers among `readable` to their ends.
    pub fn read(&self, readable: &[&dyn TableSource], mut findings: Findings) -> Result<Found> {
        let sources: Vec<&dyn TableSource> =
            readable.iter().copied().filter(|source| source.table().has_customers()).collect();
        let mut inputs = Inputs::new(&sources, self.subject.model.parameters(), self.ids);
        let again = Again::new(self.subject, &sources);
        let mut differences: Vec<(Table, Differences)> =
            again.tables.iter().map(|generated| (generated.table(), Differences::default())).collect();

        // One a thread: whole numbers add up to the same in any order.
        let tallies = Mutex::new(Vec::new());
        for stripe in self.stripes(&sources) {
            inputs.take(&stripe, self.options, &mut findings)?;
            let chunks: Vec<(i64, i64)> = stripe
                .ids
                .clone()
                .step_by(CHUNK_CUSTOMERS as usize)
                .map(|start| (start, stripe.ids.end.min(start + CHUNK_CUSTOMERS)))
                .collect();
            let check = |(start, end): (i64, i64)| {
                if self.options.stop.load(Ordering::Relaxed) {
                    return Err(Error::Interrupted);
                }
                let tally = tallies.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut tally = tally.unwrap_or_else(|| Tally::new(self.facts));
                let ids = start..end;
                let tables = inputs.rows_of(&ids);
                let chunk = Chunk { facts: self.facts, subject: self.subject, again: &again, ids, tables };
                let checked = chunk.check(&mut tally)?;
                tallies.lock().unwrap_or_else(PoisonError::into_inner).push(tally);
                Ok(checked)
            };
            run_in_order(
                &chunks,
                self.options.threads,
                check,
                |_, (found, differing): (Findings, Vec<Differences>)| {
                    findings.merge(found);
                    for ((_, all), of_chunk) in differences.iter_mut().zip(differing) {
                        all.merge(of_chunk);
                    }
                    Ok(())
                },
            )?;
        }
        let mut tally = Tally::new(self.facts);
        tallies.into_inner().unwrap_or_else(PoisonError::into_inner).iter().for_each(|part| tally.merge(part));
        let readable = readable.iter().map(|source| source.table()).collect();
        Ok(Found { readable, tally, findings, differences })
    }

    fn stripes(&self, sources: &[&dyn TableSource]) -> Vec<Stripe> {
        let customers = (self.ids.end - self.ids.start).max(1) as u64;
        let expected = |table| RowsPerCustomer::new(&self.facts.model, table, &self.facts.window.range()).of(customers);
        let rows = sources.iter().map(|source| source.rows().unwrap_or(0).max(expected(source.table()).rows as u64));
        let stripes = rows.max().unwrap_or(0).div_ceil(self.options.stripe_rows.max(1)).clamp(1, customers);
        let step = customers.div_ceil(stripes).next_multiple_of(CHUNK_CUSTOMERS as u64) as usize;
        let starts: Vec<i64> = self.ids.clone().step_by(step).collect();
        let stripe = |(index, &start): (usize, &i64)| Stripe {
            ids: start..starts.get(index + 1).copied().unwrap_or(self.ids.end),
            is_first: index == 0,
            is_last: index + 1 == starts.len(),
        };
        starts.iter().enumerate().map(stripe).collect()
    }
}
