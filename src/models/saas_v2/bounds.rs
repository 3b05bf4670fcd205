//! The least and the largest value of each column.

use super::laws::{Laws, MOST_TICKETS};
use super::rows::Contract;
use super::tables::names;
use crate::models::{Bounds, Column, ColumnSpec, Kind};

/// The largest number n in ids that are `customer_id x 1000 + n`.
const MAX_ITEMS_PER_CUSTOMER: i64 = 999;

/// The number of distinct values that is stated for columns of amounts and of floating-point numbers.
const MANY: u64 = 1 << 16;

impl Laws {
    /// Returns the bounds of a column of a table in a data set of this size.
    pub(super) fn column_bounds(&self, column: ColumnSpec, customers: u64) -> Bounds {
        let customers = customers as i64;
        match (column.kind, column.name) {
            (Kind::Int64, "customer_id") => Bounds::int64(1, customers),
            (Kind::Int64, _) => Bounds::int64(1_001, customers * 1_000 + MAX_ITEMS_PER_CUSTOMER),
            (Kind::Int32, name) => {
                let (least, most) = self.counts(name);
                Bounds::int32(least, most)
            }
            (Kind::Date, name) => {
                // Customers who are still there have ended on the day after the window.
                let mut bounds = Bounds::dates(self.window());
                if let (Column::Date(ends), "ended_date") = (&mut bounds.ends, name) {
                    ends[1] += 1;
                    bounds.distinct += 1;
                }
                bounds
            }
            (Kind::Money, name) => {
                let (least, most) = self.amounts(name);
                Bounds { ends: Column::Money(vec![least, most]), distinct: MANY, values: None }
            }
            (Kind::Float64, name) => {
                Bounds { ends: Column::Float64(vec![0.0, self.largest(name)]), distinct: MANY, values: None }
            }
            (Kind::Boolean, _) => Bounds::booleans(),
            (Kind::Text(list), _) => Bounds::names(&names(self.parameters(), list)),
        }
    }

    /// Returns the least and the largest value of a column of counts.
    fn counts(&self, column: &str) -> (i32, i32) {
        let most_sessions = self.usage.most_sessions();
        let last_cycle = self.cycles.months() as i32 - 1;
        match column {
            "seats" => (1, self.ladder.iter().copied().max().unwrap_or(1)),
            "sessions" => (1, most_sessions),
            "usage_minutes" => {
                let steps = self.minutes.normal.iter().copied().max().unwrap_or(0);
                let most = self.minutes.plans.iter().map(|minutes| minutes.of(most_sessions, i32::from(steps)));
                (1, most.max().unwrap_or(1))
            }
            "feature_events" => (0, self.usage.most_events()),
            "problem_tickets" => (0, MOST_TICKETS as i32),
            "spells" => (1, last_cycle + 1),
            // The numbers of cycles and spells, and the age of a spell in cycles.
            _ => (0, last_cycle),
        }
    }

    /// Returns the least and the largest value of a column of amounts.
    fn amounts(&self, column: &str) -> (i128, i128) {
        let contracts = (0..self.plans.len() as u8).flat_map(|plan| {
            [false, true].into_iter().flat_map(move |is_annual| {
                (0..self.ladder.len() as u8).map(move |rung| Contract { plan, is_annual, rung })
            })
        });
        let most_mrr = contracts.clone().map(|contract| contract.mrr(self)).max().unwrap_or(0);
        match column {
            "amount" => (0, contracts.map(|contract| contract.amount(self)).max().unwrap_or(0)),
            "mrr_change" => (-most_mrr, most_mrr),
            _ => (0, most_mrr),
        }
    }

    /// Returns an upper bound of a column of floating-point numbers, none of which is below 0.
    fn largest(&self, column: &str) -> f64 {
        let parameters = self.parameters();
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        match column {
            "frailty" => largest(&self.frailty),
            "intensity" => largest(&self.intensity),
            "activity" => largest(&parameters.intensity.activity),
            "week" => largest(&parameters.activity.week.values().map(|&factor| factor)),
            "season" => largest(&[
                1.0,
                parameters.activity.holidays,
                parameters.activity.christmas_eve,
                parameters.activity.christmas,
            ]),
            "incident" => largest(&[1.0, parameters.activity.incident]),
            "unused" | "support" | "billing" | "other" => self.hazards.largest(),
            // No cycle has more than 31 days.
            "active_days" => 31.0,
            "mrr" => self.amounts("mrr").1 as f64 / 100.0,
            // Probabilities and shares.
            _ => 1.0,
        }
    }
}
