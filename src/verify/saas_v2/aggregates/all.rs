//! The aggregates of all tables.

use super::calendar::CalendarRow;
use super::life_ends::LifeEnds;
use super::truth::TruthAggregates;
use super::usage::UsageAggregates;
use crate::models::Table;
use crate::models::saas_v2::TABLES;
use crate::verify::saas_v2::derived_model::{DerivedModel, PLAN_TERMS, STATES};
use crate::verify::statistics::CountMatrix;

/// The kinds of ends that observed tables show: by decision, and for want of payment.
const OBSERVED_ENDS: usize = 2;

/// The lengths of a cycle in days are from 28 to 31.
const LENGTHS: usize = 4;
const LONGEST: usize = 31;

/// Counts and sums over all rows of a data set.
#[derive(Debug, Clone)]
pub struct Aggregates {
    /// Rows of each table, in the order of [`TABLES`].
    rows: CountMatrix,
    /// Customers by plan and term, and signup day.
    pub signups: CountMatrix,
    /// Customers by plan and region, by plan and channel, and by plan and rung of the ladder of seats.
    pub regions: CountMatrix,
    pub channels: CountMatrix,
    pub rungs: CountMatrix,
    /// Customers by the plan of the customer before them and their own.
    pub plan_pairs: CountMatrix,
    /// Ends of subscriptions to plans with a price.
    pub ends: LifeEnds,
    /// Cancels by the length of the cycle, from 28 days, and the day in it.
    pub cancel_days: CountMatrix,
    /// Recurring revenue that is gained and lost, in cents, by month of the window.
    pub mrr_changes: CountMatrix,
    /// Invoices by month of the window and status.
    pub statuses: CountMatrix,
    /// Invoices whose attempt can have failed and whose status is reached inside the window: by plan and term with
    /// whether the attempt before failed, and status.
    pub attempts: CountMatrix,
    /// Invoices that were paid late, by days, counted from the fewest. The window must show the most days.
    pub days_late: CountMatrix,
    /// Tickets by category; by problem or how-to and priority; and by day of the cycle up to the last day of grace.
    pub categories: CountMatrix,
    pub priorities: CountMatrix,
    pub ticket_days: CountMatrix,
    pub usage_daily: UsageAggregates,
    pub usage_truth: UsageAggregates,
    pub truth: TruthAggregates,
    /// The days of the window. Empty if the calendar was not read or lacks a day.
    pub calendar: Vec<CalendarRow>,
}

impl Aggregates {
    pub fn new(model: &DerivedModel) -> Self {
        let parameters = model.parameters();
        let (days, months) = (model.days() as usize, model.months());
        let late = (parameters.billing.late_max - parameters.billing.late_min) as usize + 1;
        Self {
            rows: CountMatrix::new(1, TABLES.len()),
            signups: CountMatrix::new(PLAN_TERMS, days),
            regions: CountMatrix::new(STATES, parameters.regions.len()),
            channels: CountMatrix::new(STATES, STATES),
            rungs: CountMatrix::new(STATES, model.laws.ladder.len()),
            plan_pairs: CountMatrix::new(STATES, STATES),
            ends: LifeEnds::new(months, OBSERVED_ENDS),
            cancel_days: CountMatrix::new(LENGTHS, LONGEST),
            mrr_changes: CountMatrix::new(2, months),
            statuses: CountMatrix::new(months, 4),
            attempts: CountMatrix::new(PLAN_TERMS * 2, 3),
            days_late: CountMatrix::new(1, late),
            categories: CountMatrix::new(1, 3),
            priorities: CountMatrix::new(2, 3),
            ticket_days: CountMatrix::new(1, model.grace() as usize + 1),
            usage_daily: UsageAggregates::new(model),
            usage_truth: UsageAggregates::new(model),
            truth: TruthAggregates::new(model),
            calendar: Vec::new(),
        }
    }

    pub fn customers(&self) -> u64 {
        self.signups.total()
    }

    /// Adds rows of a table.
    pub fn add_rows(&mut self, table: Table, count: usize) {
        if let Some(index) = TABLES.iter().position(|other| *other == table) {
            self.rows.add(0, index, count as u64);
        }
    }

    /// Returns the number of rows of a table.
    pub fn rows(&self, table: Table) -> u64 {
        TABLES.iter().zip(self.rows.row(0)).filter(|(other, _)| **other == table).map(|(_, count)| count).sum()
    }

    pub fn merge(&mut self, other: &Self) {
        self.usage_daily.merge(&other.usage_daily);
        self.usage_truth.merge(&other.usage_truth);
        self.truth.merge(&other.truth);
        self.ends.merge(&other.ends);
        for (matrix, more) in [
            (&mut self.rows, &other.rows),
            (&mut self.signups, &other.signups),
            (&mut self.regions, &other.regions),
            (&mut self.channels, &other.channels),
            (&mut self.rungs, &other.rungs),
            (&mut self.plan_pairs, &other.plan_pairs),
            (&mut self.cancel_days, &other.cancel_days),
            (&mut self.mrr_changes, &other.mrr_changes),
            (&mut self.statuses, &other.statuses),
            (&mut self.attempts, &other.attempts),
            (&mut self.days_late, &other.days_late),
            (&mut self.categories, &other.categories),
            (&mut self.priorities, &other.priorities),
            (&mut self.ticket_days, &other.ticket_days),
        ] {
            matrix.merge(more);
        }
    }
}
