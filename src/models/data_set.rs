//! A data set: a model, a seed and a number of customers.

use super::bounds::Bounds;
use super::expected::Expected;
use super::model::Model;
use super::table::Table;
use crate::error::{Error, Result};
use std::ops::Range;

/// The most customers of a data set. Ids that are `customer_id x 1000 + n` stay below 10^15 + 1,000.
pub const MAX_CUSTOMERS: u64 = 1_000_000_000_000;

/// A data set. It determines every value of every table.
#[derive(Debug, Clone)]
pub struct DataSet {
    model: Model,
    seed: u64,
    customers: u64,
}

impl DataSet {
    /// The default number of customers.
    pub const DEFAULT_CUSTOMERS: u64 = 100_000;
    /// The default seed.
    pub const DEFAULT_SEED: u64 = 42;

    /// Returns the data set of `customers` customers with this seed, and builds the laws of the model.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if `customers` is not from 1 to 10^12.
    pub fn new(model: Model, seed: u64, customers: u64) -> Result<Self> {
        if !(1..=MAX_CUSTOMERS).contains(&customers) {
            return Err(Error::Misuse(format!(
                "`customers` is {customers}; it must be a whole number from 1 to {MAX_CUSTOMERS}"
            )));
        }
        model.build();
        Ok(Self { model, seed, customers })
    }

    /// Returns the model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the number of customers. Their ids are 1 to this number.
    pub fn customers(&self) -> u64 {
        self.customers
    }

    /// Returns the ids of the customers, or the numbers of the sections if `table` has no customers.
    pub fn ids(&self, table: Table) -> Range<u64> {
        let count = if table.has_customers() { self.customers } else { self.model.sections(table) };
        1..count + 1
    }

    /// Returns the data set of the same model with another seed or size.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn with(&self, seed: u64, customers: u64) -> Result<Self> {
        Self::new(self.model.clone(), seed, customers)
    }

    /// Returns the expected number of rows of `table`. Nothing is generated for it.
    pub fn expected_rows(&self, table: Table) -> Expected {
        let ids = self.ids(table);
        self.model.rows_per_customer(table, &self.model.window().range()).of(ids.end - ids.start)
    }

    /// Returns the bounds of the column of `table` with this index. Every row is within them, but rows need not reach
    /// them.
    pub fn bounds(&self, table: Table, column: usize) -> Bounds {
        self.model.bounds(table, column, self.customers)
    }
}
