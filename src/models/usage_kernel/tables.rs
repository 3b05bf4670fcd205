//! The distributions of the values of active days, as tables.

use super::packed::PackedTables;
use crate::random::{AliasTable, distributions};

/// The distributions of sessions, usage minutes and feature events.
#[derive(Debug)]
pub struct UsageTables {
    /// Sessions, by class of customers.
    pub sessions: Vec<AliasTable>,
    /// Usage minutes, by class of customers. Empty if the model draws them without tables.
    pub minutes: Vec<AliasTable>,
    /// Feature events, by sessions.
    pub events: Vec<AliasTable>,
    /// All of them in the form for vector units, if they fit.
    pub packed: Option<PackedTables>,
}

impl UsageTables {
    /// Returns the tables of these distributions by class, and of feature events with this mean for each session.
    pub fn new(sessions: Vec<AliasTable>, minutes: Vec<AliasTable>, events_per_session: f64) -> Self {
        let events =
            (0..=largest(&sessions)).map(|count| distributions::poisson(events_per_session * f64::from(count)));
        let events: Vec<AliasTable> = events.collect();
        Self { packed: PackedTables::new(&sessions, &minutes, &events), sessions, minutes, events }
    }

    /// Returns the most sessions of a row.
    pub fn most_sessions(&self) -> i32 {
        largest(&self.sessions)
    }

    /// Returns the most feature events of a row.
    pub fn most_events(&self) -> i32 {
        largest(&self.events)
    }
}

fn largest(tables: &[AliasTable]) -> i32 {
    tables.iter().map(AliasTable::largest).max().unwrap_or(0)
}
