//! The least and the largest value of each column, computed from the model alone.

use super::laws::minutes_limits;
use super::{Column, DataSet, Kind, Table};
use crate::model::MAX_ITEMS_PER_CUSTOMER;

/// The bounds of a column's values. They hold in every part of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// A column of two values: the lower and the upper bound. Text is compared by its bytes.
    pub ends: Column,
    /// The approximate number of distinct values, at most.
    pub distinct: u64,
}

impl DataSet {
    /// Returns the amounts of invoices in hundredths, ascending.
    pub fn prices(&self) -> Vec<i128> {
        let mut prices: Vec<i128> = self.laws().plans.iter().map(|plan| plan.price_cents).collect();
        prices.retain(|&price| price > 0);
        prices.sort_unstable();
        prices.dedup();
        prices
    }

    /// Returns the bounds of the column of `table` with this index. Every row is within them, but rows need not reach
    /// them.
    pub fn bounds(&self, table: Table, column: usize) -> Bounds {
        let column = table.columns()[column];
        let parameters = self.model().parameters();
        let window = self.model().window();
        let whole = |least: i64, most: i64| (least, most, (most - least + 1) as u64);
        let int64 = |(least, most, distinct)| Bounds { ends: Column::Int64(vec![least, most]), distinct };
        let int32 = |(least, most, distinct)| Bounds { ends: Column::Int32(vec![least as i32, most as i32]), distinct };
        let customers = self.customers() as i64;
        let plans = &self.laws().plans;
        match (column.kind, column.name) {
            (Kind::Int64, "customer_id") => int64(whole(1, customers)),
            // Ids of invoices and support tickets: customer_id x 1000 + n, with n from 1.
            (Kind::Int64, _) => int64(whole(1_001, customers * 1_000 + i64::from(MAX_ITEMS_PER_CUSTOMER))),
            (Kind::Int32, "day") => int32(whole(0, i64::from(window.days) - 1)),
            (Kind::Int32, "sessions") => {
                int32(whole(0, plans.iter().map(|plan| plan.sessions.largest()).max().unwrap_or(0).into()))
            }
            (Kind::Int32, "usage_minutes") => {
                let limits = || parameters.plans.values().map(|plan| minutes_limits(self.model(), plan));
                let least = limits().map(|(least, _)| least).min().unwrap_or(0);
                int32(whole(least.into(), limits().map(|(_, most)| most).max().unwrap_or(0).into()))
            }
            (Kind::Int32, _) => {
                let most = self.laws().feature_events.iter().map(|events| events.largest()).max();
                int32(whole(0, most.unwrap_or(0).into()))
            }
            (Kind::Date, _) => {
                Bounds { ends: Column::Date(vec![window.first, window.last()]), distinct: u64::from(window.days) }
            }
            (Kind::Money, _) => {
                let prices = self.prices();
                let ends = [prices.first(), prices.last()].map(|price| price.copied().unwrap_or(0));
                Bounds { ends: Column::Money(ends.into()), distinct: prices.len() as u64 }
            }
            (Kind::Float64, _) => {
                Bounds { ends: Column::Float64(vec![0.0, 1.0]), distinct: plans.len() as u64 * u64::from(window.days) }
            }
            (Kind::Boolean, _) => Bounds { ends: Column::Boolean(vec![false, true]), distinct: 2 },
            (Kind::Text(names), _) => {
                let names = names.of(parameters);
                let mut sorted: Vec<usize> = (0..names.len()).collect();
                sorted.sort_by_key(|&index| names[index]);
                let ends = [sorted.first(), sorted.last()].map(|index| index.copied().unwrap_or(0) as u8);
                Bounds { ends: Column::Text(ends.into()), distinct: names.len() as u64 }
            }
        }
    }
}
