//! Counts and sums over the rows of a usage table.

use super::truth::ActiveClass;
use crate::verify::saas_v2::derived_model::{CLASSES, DerivedModel, STATES};
use crate::verify::statistics::CountMatrix;

/// The most sessions of a row whose feature events are counted. It bounds the memory of models with many sessions.
pub const MOST_SESSIONS_OF_EVENTS: usize = 200;

/// The number of sums in [`UsageAggregates::customers`].
pub const SESSION_SUMS: usize = 6;

/// Counts and sums over the rows of `usage_daily` or `usage_truth`.
#[derive(Debug, Clone)]
pub struct UsageAggregates {
    /// Rows by plan and day of the window.
    pub by_day: CountMatrix,
    /// Rows by plan with engagement, and day of the window. Only with `cycles_truth`.
    pub by_cell: CountMatrix,
    /// Rows by plan with class of intensity, and sessions. Only with `customer_truth`. The last column has all larger
    /// values.
    pub sessions: CountMatrix,
    /// By plan, over customers with rows: their number; the sums of rows and of sessions; and the sums of squared rows,
    /// of rows x sessions and of squared sessions.
    pub customers: CountMatrix,
    /// By plan and sessions: rows, and the sums of minutes and of squared minutes.
    pub minute_rows: CountMatrix,
    pub minutes: CountMatrix,
    pub squared_minutes: CountMatrix,
    /// Rows by feature events, for each number of sessions up to [`MOST_SESSIONS_OF_EVENTS`]. The last count of each has
    /// all larger values.
    events: Vec<CountMatrix>,
}

impl UsageAggregates {
    pub fn new(model: &DerivedModel) -> Self {
        let days = model.days() as usize;
        let usage = &model.laws.usage;
        let most = usage.sessions.iter().map(|table| table.largest()).max().unwrap_or(1).max(1) as usize;
        let events = usage.events.iter().take(MOST_SESSIONS_OF_EVENTS + 1);
        Self {
            by_day: CountMatrix::new(STATES, days),
            by_cell: CountMatrix::new(ActiveClass::CELLS, days),
            sessions: CountMatrix::new(STATES * CLASSES, most + 2),
            customers: CountMatrix::new(STATES, SESSION_SUMS),
            minute_rows: CountMatrix::new(STATES, most + 2),
            minutes: CountMatrix::new(STATES, most + 2),
            squared_minutes: CountMatrix::new(STATES, most + 2),
            events: events.map(|table| CountMatrix::new(1, table.largest().max(0) as usize + 2)).collect(),
        }
    }

    /// Counts the values of a row of a customer of `plan` with this class of intensity, if it is known. Values outside
    /// the counted range count as the nearest value in it.
    pub fn add_values(&mut self, plan: usize, class: Option<usize>, [sessions, minutes, events]: [i32; 3]) {
        let within = |value: i32, matrix: &CountMatrix| (value.max(0) as usize).min(matrix.columns() - 1);
        let sessions = within(sessions, &self.sessions);
        if let Some(class) = class {
            self.sessions.add(plan * CLASSES + class, sessions, 1);
        }
        let minutes = minutes.max(0) as u64;
        self.minute_rows.add(plan, sessions, 1);
        self.minutes.add(plan, sessions, minutes);
        self.squared_minutes.add(plan, sessions, minutes * minutes);
        if let Some(counts) = self.events.get_mut(sessions) {
            let events = within(events, counts);
            counts.add(0, events, 1);
        }
    }

    /// Adds a customer of `plan` with at least one row.
    pub fn add_customer(&mut self, plan: usize, rows: u64, sessions: u64) {
        let sums = [1, rows, sessions, rows * rows, rows * sessions, sessions.saturating_mul(sessions)];
        sums.into_iter().enumerate().for_each(|(index, sum)| self.customers.add(plan, index, sum));
    }

    /// Returns the counts by feature events for each number of sessions, from 0.
    pub fn events(&self) -> impl Iterator<Item = &[u64]> {
        self.events.iter().map(|counts| counts.row(0))
    }

    pub fn merge(&mut self, other: &Self) {
        for (matrix, more) in [
            (&mut self.by_day, &other.by_day),
            (&mut self.by_cell, &other.by_cell),
            (&mut self.sessions, &other.sessions),
            (&mut self.customers, &other.customers),
            (&mut self.minute_rows, &other.minute_rows),
            (&mut self.minutes, &other.minutes),
            (&mut self.squared_minutes, &other.squared_minutes),
        ] {
            matrix.merge(more);
        }
        self.events.iter_mut().zip(&other.events).for_each(|(counts, more)| counts.merge(more));
    }
}
