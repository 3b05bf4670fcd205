//! Reads the tables stripe by stripe and checks chunks of customers on several threads.

use super::checks::{Aggregates, CustomerChunk, Observations};
use super::comparison::{Differences, Regenerated};
use super::derived_model::DerivedModel;
use super::reading::{Stripe, StripeReader};
use super::subject::{ReadOptions, Subject};
use super::violations::Violations;
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::tables::Table;
use crate::tables::expected::RowsPerCustomer;
use crate::workers::run_in_order;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// The number of customers in a chunk, which one thread checks.
const CHUNK_CUSTOMERS: i64 = 4_096;

/// Reads and checks a data set.
pub struct Pipeline<'a> {
    pub model: &'a DerivedModel,
    pub subject: &'a Subject<'a>,
    /// The ids of the customers that the data set should have.
    pub ids: &'a Range<i64>,
    pub options: ReadOptions<'a>,
}

impl Pipeline<'_> {
    /// Reads and checks all rows of the tables in `readable` that have customers.
    pub fn run(&self, readable: &[&dyn TableSource], mut violations: Violations) -> Result<Observations> {
        let sources: Vec<&dyn TableSource> =
            readable.iter().copied().filter(|source| source.table().has_customers()).collect();
        let mut reader = StripeReader::new(&sources, self.subject.model.parameters(), self.ids);
        let regenerated = Regenerated::new(self.subject, &sources);
        let mut differences: Vec<(Table, Differences)> =
            regenerated.tables.iter().map(|table| (table.table(), Differences::default())).collect();

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
                let mut aggregates = aggregates.unwrap_or_else(|| Aggregates::new(self.model));
                let ids = start..end;
                let tables = reader.rows_of(&ids);
                let chunk =
                    CustomerChunk { model: self.model, subject: self.subject, regenerated: &regenerated, ids, tables };
                let checked = chunk.check(&mut aggregates)?;
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
        let mut aggregates = Aggregates::new(self.model);
        unused.into_inner().unwrap_or_else(PoisonError::into_inner).iter().for_each(|part| aggregates.merge(part));
        let readable = readable.iter().map(|source| source.table()).collect();
        Ok(Observations { readable, aggregates, violations, extents: reader.extents().collect(), differences })
    }

    fn stripes(&self, sources: &[&dyn TableSource]) -> Vec<Stripe> {
        let customers = (self.ids.end - self.ids.start).max(1) as u64;
        let expected =
            |table| RowsPerCustomer::new(&self.model.source, table, &self.model.window.range()).of(customers);
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
