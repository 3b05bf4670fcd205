//! How much of a table was read.

use super::rows::Rows;
use crate::models::{Day, date_of};
use serde::{Serialize, Serializer};

/// The number of rows of a table, and its first and its last date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// The number of rows, including those that lack a value.
    pub rows: u64,
    /// The first date, written YYYY-MM-DD. `None` if the table has no dates.
    #[serde(serialize_with = "as_date")]
    pub first: Option<Day>,
    /// The last date.
    #[serde(serialize_with = "as_date")]
    pub last: Option<Day>,
}

impl Extent {
    /// Adds `count` rows, of which those with all values are `rows`.
    pub fn add(&mut self, count: usize, rows: &Rows) {
        let dates = rows.date_range();
        self.merge(&Self {
            rows: count as u64,
            first: dates.map(|(first, _)| first),
            last: dates.map(|(_, last)| last),
        });
    }

    /// Adds the rows of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = [self.last, other.last].into_iter().flatten().max();
    }
}

fn as_date<S: Serializer>(day: &Option<Day>, serializer: S) -> Result<S::Ok, S::Error> {
    day.map(|day| date_of(day).to_string()).serialize(serializer)
}
