//! The ends of lives, by all that their probabilities depend on and an observed table shows.

use crate::verify::saas_v2::derived_model::{Horizon, PLAN_TERMS};
use crate::verify::statistics::CountMatrix;

/// Customers by plan and term, by how much of their life the window shows, and by cycle and kind of the end.
#[derive(Debug, Clone)]
pub struct LifeEnds {
    horizons: usize,
    kinds: usize,
    counts: CountMatrix,
}

impl LifeEnds {
    /// Returns no customers, for a window of `months` and ends of `kinds`. The last kind is for want of payment.
    pub fn new(months: usize, kinds: usize) -> Self {
        let horizons = 2 * (months + 1);
        Self { horizons, kinds, counts: CountMatrix::new(PLAN_TERMS * horizons, months * kinds + 1) }
    }

    /// Adds a customer, with the cycle and the kind of its end. Ends that the window can't show are left out: they are
    /// violations.
    pub fn add(&mut self, plan_term: usize, horizon: Horizon, end: Option<(usize, usize)>) {
        let last = self.counts.columns() - 1;
        let column = end.map_or(Some(last), |(cycle, kind)| Some(cycle * self.kinds + kind).filter(|&own| own < last));
        if let Some(column) = column {
            self.counts.add(plan_term * self.horizons + Self::row_of(horizon), column, 1);
        }
    }

    /// Returns the number of kinds of ends.
    pub fn kinds(&self) -> usize {
        self.kinds
    }

    /// Returns each horizon with the counts of its customers on this plan and term. The column of an end is cycle x
    /// kinds + kind, and the last column has the customers who are still there.
    pub fn of(&self, plan_term: usize) -> impl Iterator<Item = (Horizon, &[u64])> {
        (0..self.horizons).map(move |row| {
            let horizon = Horizon { whole_cycles: row / 2, shows_grace: row % 2 == 1 };
            (horizon, self.counts.row(plan_term * self.horizons + row))
        })
    }

    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
    }

    fn row_of(horizon: Horizon) -> usize {
        horizon.whole_cycles * 2 + usize::from(horizon.shows_grace)
    }
}
