//! The expected number of rows of a table. Nothing is generated to compute it.

/// The mean and the standard deviation of a number of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The mean.
    pub rows: f64,
    /// The standard deviation, or 0 if the number is certain.
    pub sd: f64,
}

/// The distribution of the number of rows that a random customer has in a range of days. For a table without customers
/// it is the number of rows of a section.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowsPerCustomer {
    mean: f64,
    variance: f64,
    covariance: f64,
    exact: Option<u64>,
}

impl RowsPerCustomer {
    /// Returns the distribution with this mean and variance. `covariance` is that between two customers, who can share
    /// influences such as the loss rate of a day.
    pub fn new(mean: f64, variance: f64, covariance: f64) -> Self {
        Self { mean, variance, covariance, exact: None }
    }

    /// Returns the distribution of exactly this number of rows.
    pub fn exactly(rows: u64) -> Self {
        Self { mean: rows as f64, variance: 0.0, covariance: 0.0, exact: Some(rows) }
    }

    /// Returns the mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Returns the variance.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Returns the covariance between two customers.
    pub fn covariance(&self) -> f64 {
        self.covariance
    }

    /// Returns the number of rows of the given number of customers.
    pub fn of(&self, customers: u64) -> Expected {
        let count = customers as f64;
        let variance = count * self.variance + count * (count - 1.0) * self.covariance;
        Expected { rows: count * self.mean, sd: variance.max(0.0).sqrt() }
    }

    /// Returns the number of rows of the given number of customers, if it is certain.
    pub fn exactly_of(&self, customers: u64) -> Option<u64> {
        self.exact.map(|rows| rows * customers)
    }
}
