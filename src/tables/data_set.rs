//! A data set: the laws of a model, a seed and a number of customers.

use super::{Laws, Table};
use crate::error::{Error, Result};
use crate::model::{MAX_CUSTOMERS, Model};
use crate::random::philox::RoundKeys;
use std::ops::Range;
use std::sync::Arc;

/// A data set. It determines every value of every table.
#[derive(Debug, Clone)]
pub struct DataSet {
    laws: Arc<Laws>,
    seed: u64,
    round_keys: Arc<RoundKeys>,
    customers: u64,
}

impl DataSet {
    /// The default number of customers.
    pub const DEFAULT_CUSTOMERS: u64 = 100_000;
    /// The default seed.
    pub const DEFAULT_SEED: u64 = 42;

    /// Returns the data set of `customers` customers with this seed.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if `customers` is not from 1 to 10^12.
    pub fn new(laws: Arc<Laws>, seed: u64, customers: u64) -> Result<Self> {
        if !(1..=MAX_CUSTOMERS).contains(&customers) {
            return Err(Error::Misuse(format!(
                "`customers` is {customers}; it must be a whole number from 1 to {MAX_CUSTOMERS}"
            )));
        }
        Ok(Self { laws, seed, round_keys: Arc::new(RoundKeys::new(seed)), customers })
    }

    /// Returns the laws that the values follow.
    pub fn laws(&self) -> &Laws {
        &self.laws
    }

    /// Returns the model of the laws.
    pub fn model(&self) -> &Model {
        self.laws.model()
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the seed's keys for all rounds of Philox.
    pub(super) fn round_keys(&self) -> &RoundKeys {
        &self.round_keys
    }

    /// Returns the number of customers. Their ids are 1 to this number.
    pub fn customers(&self) -> u64 {
        self.customers
    }

    /// Returns the ids of the customers, or the numbers of the plans if `table` has no customers.
    pub fn ids(&self, table: Table) -> Range<u64> {
        let count = if table.has_customers() { self.customers } else { self.model().parameters().plans.len() as u64 };
        1..count + 1
    }

    /// Returns the data set of the same laws with another seed or size.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn with(&self, seed: u64, customers: u64) -> Result<Self> {
        Self::new(Arc::clone(&self.laws), seed, customers)
    }
}
