//! Where a data set comes from, for people.

use super::verdicts::grouped;
use crate::models::Identity;
use std::fmt;

/// The place of a data set, and what its manifest or its server states about it.
#[derive(Debug)]
pub struct Origin {
    /// The folder or the server.
    pub place: String,
    /// The stated identity, or `None` for files of unknown origin.
    pub identity: Option<Identity>,
    /// Files that look like data of a table but were not read.
    pub skipped: Vec<String>,
}

/// The number of skipped files that are named.
const NAMED: usize = 10;

impl Origin {
    /// Returns why files were not read and their names, if there are any.
    pub fn skipped_files(&self) -> Option<(&'static str, String)> {
        let named = self.skipped.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = self.skipped.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let reason = "not read, because only TABLE.parquet and TABLE/*.parquet are";
        (!self.skipped.is_empty()).then(|| (reason, named + &more))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(Identity { model, seed, customers, .. }) => {
                write!(f, "{}: model {model}, seed {seed}, {} customers", self.place, grouped(*customers))
            }
            None => write!(f, "{}: of unknown origin, without a manifest of saasgen", self.place),
        }
    }
}
