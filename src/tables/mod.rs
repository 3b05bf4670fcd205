//! The tables' values: a block of customers in, plain columns out.
//!
//! Each table is a pure function of (model, seed, customers asked for, dates asked for). What a row needs of its
//! customer is drawn again from the customer's address, never looked up.

mod billing;
mod bounds;
mod customers;
pub mod expected;
mod generator;
mod identity;
mod laws;
mod profiles;
mod retention;
mod room;
mod schema;
mod support;
mod usage;

pub use bounds::Bounds;
pub use generator::{Found, Generator};
pub use identity::{Identity, WindowDates};
pub use laws::{Laws, active_probability, mean_tickets, minutes_limits};
pub use schema::{ColumnSet, ColumnSpec, Kind, Names, Table};

use crate::error::{Error, Result};
use crate::model::{Day, MAX_CUSTOMERS, Model};
use crate::random::philox::RoundKeys;
use std::ops::Range;
use std::sync::Arc;

/// A data set: what gives every value of every table.
#[derive(Debug, Clone)]
pub struct DataSet {
    laws: Arc<Laws>,
    seed: u64,
    round_keys: Arc<RoundKeys>,
    customers: u64,
}

impl DataSet {
    /// Customers of a data set whose size nobody chose.
    pub const DEFAULT_CUSTOMERS: u64 = 100_000;
    /// The seed of a data set whose seed nobody chose.
    pub const DEFAULT_SEED: u64 = 42;

    /// A data set of `customers` customers, drawn with `seed`.
    ///
    /// # Errors
    /// [`Error::Misuse`] where `customers` is not 1 to 10^12.
    pub fn new(laws: Arc<Laws>, seed: u64, customers: u64) -> Result<Self> {
        if !(1..=MAX_CUSTOMERS).contains(&customers) {
            return Err(Error::Misuse(format!(
                "`customers` is {customers}; it must be a whole number from 1 to {MAX_CUSTOMERS}"
            )));
        }
        Ok(Self { laws, seed, round_keys: Arc::new(RoundKeys::new(seed)), customers })
    }

    /// The laws that the values follow.
    pub fn laws(&self) -> &Laws {
        &self.laws
    }

    /// The model behind the laws.
    pub fn model(&self) -> &Model {
        self.laws.model()
    }

    /// The key of every draw.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What that key is to each round of mixing.
    fn round_keys(&self) -> &RoundKeys {
        &self.round_keys
    }

    /// How many customers there are; their ids are 1 to this.
    pub fn customers(&self) -> u64 {
        self.customers
    }

    /// The ids of `table`'s customers, or of its plans where it has no customers.
    pub fn ids(&self, table: Table) -> Range<u64> {
        let count = if table.has_customers() { self.customers } else { self.model().parameters().plans.len() as u64 };
        1..count + 1
    }

    /// The data set of the same laws with another seed or size.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with(&self, seed: u64, customers: u64) -> Result<Self> {
        Self::new(Arc::clone(&self.laws), seed, customers)
    }
}

/// The rows whose date, of these, is among `days`.
fn retain_days(mut columns: Vec<Column>, dates: &[Day], days: &Range<Day>) -> Vec<Column> {
    fn retain<T>(values: &mut Vec<T>, kept: &[bool]) {
        let mut kept = kept.iter();
        values.retain(|_| kept.next() == Some(&true));
        values.shrink_to_fit();
    }
    let kept: Vec<bool> = dates.iter().map(|date| days.contains(date)).collect();
    for column in &mut columns {
        match column {
            Column::Int64(values) => retain(values, &kept),
            Column::Int32(values) | Column::Date(values) => retain(values, &kept),
            Column::Text(values) => retain(values, &kept),
            Column::Money(values) => retain(values, &kept),
            Column::Float64(values) => retain(values, &kept),
            Column::Boolean(values) => retain(values, &kept),
        }
    }
    columns
}

impl Column {
    /// How many values it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Int64(values) => values.len(),
            Self::Int32(values) | Self::Date(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Money(values) => values.len(),
            Self::Float64(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One column of a block of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Ids.
    Int64(Vec<i64>),
    /// Counts and minutes.
    Int32(Vec<i32>),
    /// Days since 1970-01-01.
    Date(Vec<i32>),
    /// Indices into the names of the column's [`Names`].
    Text(Vec<u8>),
    /// Hundredths.
    Money(Vec<i128>),
    /// Probabilities.
    Float64(Vec<f64>),
    /// Truth values.
    Boolean(Vec<bool>),
}

/// Memory for the values of one column, whatever it holds.
#[derive(Debug)]
pub enum ColumnMut<'a> {
    /// Of a [`Column::Int64`].
    Int64(&'a mut [i64]),
    /// Of a [`Column::Int32`].
    Int32(&'a mut [i32]),
    /// Of a [`Column::Date`].
    Date(&'a mut [i32]),
}
