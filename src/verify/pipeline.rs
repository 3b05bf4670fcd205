//! Reads the tables stripe by stripe and checks chunks of customers on several threads.

use super::comparison::{Differences, Regenerated};
use super::customer_chunk::CustomerChunk;
use super::model_checks::ModelChecks;
use super::observations::Observations;
use super::reading::{Stripe, StripeReader};
use super::subject::{ReadOptions, Subject};
use super::violations::Violations;
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::models::Table;
use crate::workers::run_in_order;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// The number of customers in a chunk, which one thread checks.
const CHUNK_CUSTOMERS: i64 = 4_096;

/// Reads and checks a data set.
pub struct Pipeline<'a, C> {
    pub checks: &'a C,
    pub subject: &'a Subject<'a>,
    /// The ids of the customers that the data set should have.
    pub ids: &'a Range<i64>,
    pub options: ReadOptions<'a>,
}

impl<C: ModelChecks> Pipeline<'_, C> {
    /// Reads and checks all rows of the tables in `readable` that have customers.
    pub fn run(
        &self,
        readable: &[&dyn TableSource],
        mut violations: Violations,
    ) -> Result<Observations<C::Aggregates>> {
        let sources: Vec<&dyn TableSource> =
            readable.iter().copied().filter(|source| source.table().has_customers()).collect();
        let mut reader = StripeReader::new(&sources, self.subject, self.ids);
        let present: Vec<Table> = sources.iter().map(|source| source.table()).collect();
        let regenerated = Regenerated::new(self.subject, &present, self.checks.generated_tables(&present));
        let mut differences: Vec<(Table, Differences)> =
            regenerated.claimed.iter().map(|table| (table.table(), Differences::default())).collect();

        // Aggregates that no thread is using, at most one for each thread. They are sums of whole numbers, so the order
        // in which chunks are added makes no difference.
        let unused = Mutex::new(Vec::new());
        for stripe in self.stripes(&sources) {
            reader.read(&stripe, self.options, &mut violations)?;
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
                let aggregates = unused.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut aggregates = aggregates.unwrap_or_else(|| self.checks.new_aggregates());
                let ids = start..end;
                let tables = reader.rows_of(&ids);
                let chunk = CustomerChunk { ids, tables, regenerated: &regenerated };
                let checked = self.check(&chunk, &mut aggregates)?;
                unused.lock().unwrap_or_else(PoisonError::into_inner).push(aggregates);
                Ok(checked)
            };
            run_in_order(
                &chunks,
                self.options.threads,
                check,
                |_, (chunk_violations, chunk_differences): (Violations, Vec<Differences>)| {
                    violations.merge(chunk_violations);
                    for ((_, all), of_chunk) in differences.iter_mut().zip(chunk_differences) {
                        all.merge(of_chunk);
                    }
                    Ok(())
                },
            )?;
        }
        let mut aggregates = self.checks.new_aggregates();
        let parts = unused.into_inner().unwrap_or_else(PoisonError::into_inner);
        parts.iter().for_each(|part| C::merge(&mut aggregates, part));
        let readable = readable.iter().map(|source| source.table()).collect();
        Ok(Observations { readable, aggregates, violations, extents: reader.extents().collect(), differences })
    }

    /// Counts the rows of a chunk. Returns their violations of rules, and their differences from the regenerated rows.
    fn check(
        &self,
        chunk: &CustomerChunk<'_>,
        aggregates: &mut C::Aggregates,
    ) -> Result<(Violations, Vec<Differences>)> {
        let mut violations = Violations::default();
        if self.subject.has_whole_window() {
            self.checks.check_customers(chunk, aggregates, &mut violations)?;
        }
        Ok((violations, chunk.differences(self.subject.model)?))
    }

    fn stripes(&self, sources: &[&dyn TableSource]) -> Vec<Stripe> {
        let customers = (self.ids.end - self.ids.start).max(1) as u64;
        let model = self.subject.model;
        let expected = |table| model.rows_per_customer(table, &model.window().range()).of(customers);
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
