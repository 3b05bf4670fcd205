//! The least and the largest value of each column.

use super::check::MAX_ITEMS_PER_CUSTOMER;
use super::laws::{Laws, minutes_limits};
use crate::models::{Bounds, ColumnSpec, Kind};

impl Laws {
    /// Returns the bounds of a column of a table in a data set of this size.
    pub(super) fn column_bounds(&self, column: ColumnSpec, customers: u64) -> Bounds {
        let (parameters, days) = (self.parameters(), self.window().days);
        let customers = customers as i64;
        match (column.kind, column.name) {
            (Kind::Int64, "customer_id") => Bounds::int64(1, customers),
            // Ids of invoices and support tickets: customer_id x 1000 + n, with n from 1.
            (Kind::Int64, _) => Bounds::int64(1_001, customers * 1_000 + i64::from(MAX_ITEMS_PER_CUSTOMER)),
            (Kind::Int32, "day") => Bounds::int32(0, days as i32 - 1),
            (Kind::Int32, "sessions") => Bounds::int32(0, self.usage.most_sessions()),
            (Kind::Int32, "usage_minutes") => {
                let limits = || parameters.plans.values().map(|plan| minutes_limits(&parameters.usage, plan));
                let least = limits().map(|(least, _)| least).min().unwrap_or(0);
                Bounds::int32(least, limits().map(|(_, most)| most).max().unwrap_or(0))
            }
            (Kind::Int32, _) => Bounds::int32(0, self.usage.most_events()),
            (Kind::Date, _) => Bounds::dates(self.window()),
            (Kind::Money, _) => {
                Bounds::amounts(self.plans.iter().map(|plan| plan.price_cents).filter(|&price| price > 0).collect())
            }
            (Kind::Float64, _) => Bounds::probabilities(self.plans.len() as u64 * u64::from(days)),
            (Kind::Boolean, _) => Bounds::booleans(),
            (Kind::Text(names), _) => Bounds::names(&parameters.names(names)),
        }
    }
}
