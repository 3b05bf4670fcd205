//! Sums over events whose probabilities are known, by stratum.

use crate::verify::statistics::{CountMatrix, EventSum, Outcome};

/// The number of units of 1 in sums of probabilities. Whole units add up to the same sum in any order.
///
/// Rounding adds less than 3e-8 to each probability, which is far below the standard deviation of any sum.
const FIXED_POINT: f64 = (1 << 24) as f64;

const COUNT: usize = 0;
const HAPPENED: usize = 1;
const PROBABILITY: usize = 2;
const VARIANCE: usize = 3;

/// The number of events by stratum, with the sums of their probabilities and variances.
#[derive(Debug, Clone)]
pub struct Scores(CountMatrix);

impl Scores {
    pub fn new(strata: usize) -> Self {
        Self(CountMatrix::new(strata, 4))
    }

    /// Adds an event with this probability, which happened or not.
    pub fn add(&mut self, stratum: usize, probability: f64, happened: bool) {
        let units = |value: f64| (value.clamp(0.0, 1.0) * FIXED_POINT).round() as u64;
        self.0.add(stratum, COUNT, 1);
        self.0.add(stratum, HAPPENED, u64::from(happened));
        self.0.add(stratum, PROBABILITY, units(probability));
        self.0.add(stratum, VARIANCE, units(probability * (1.0 - probability)));
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// Tests the number of events of a stratum that happened.
    pub fn outcome(&self, stratum: usize) -> Outcome {
        let sums = self.0.row(stratum);
        let [mean, variance] = [PROBABILITY, VARIANCE].map(|index| sums[index] as f64 / FIXED_POINT);
        EventSum { events: sums[COUNT], happened: sums[HAPPENED], mean, variance }.outcome()
    }

    /// Returns the share of the events of a stratum that happened, and the mean of their probabilities.
    pub fn shares(&self, stratum: usize) -> (f64, f64) {
        let sums = self.0.row(stratum);
        let count = sums[COUNT].max(1) as f64;
        (sums[HAPPENED] as f64 / count, sums[PROBABILITY] as f64 / FIXED_POINT / count)
    }

    /// Returns the number of events that happened in each stratum.
    pub fn happened(&self) -> impl Iterator<Item = u64> {
        self.0.rows().map(|sums| sums[HAPPENED])
    }

    /// Returns the expected number of events in each stratum.
    pub fn expected(&self) -> impl Iterator<Item = f64> {
        self.0.rows().map(|sums| sums[PROBABILITY] as f64 / FIXED_POINT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::statistics::TOO_FEW;

    #[test]
    fn sums_do_not_depend_on_the_order_of_merging() {
        let part = |seed: u64| {
            let mut scores = Scores::new(2);
            for event in 0..500 {
                let mixed = (event + 1) * (2 * seed + 1) * 0x9E37 % 1_000;
                scores.add((event % 2) as usize, mixed as f64 / 3_000.0, mixed.is_multiple_of(6));
            }
            scores
        };
        let merged = |order: [u64; 3]| {
            let mut all = Scores::new(2);
            order.into_iter().for_each(|seed| all.merge(&part(seed)));
            all.outcome(1).unwrap()
        };
        assert_eq!(merged([1, 2, 3]), merged([3, 1, 2]));
    }

    #[test]
    fn the_share_that_happened_is_tested_against_the_probabilities() {
        let scores_of = |share: u64| {
            let mut scores = Scores::new(1);
            (0..10_000).for_each(|event| scores.add(0, 0.2, event % 100 < share));
            scores.outcome(0).unwrap()
        };
        assert!(scores_of(20).p > 0.9);
        assert!(scores_of(23).p < 1e-9);
        assert_eq!(Scores::new(1).outcome(0), Err(TOO_FEW.to_string()));
    }

    #[test]
    fn a_probability_that_is_not_a_number_counts_as_0() {
        let mut scores = Scores::new(1);
        scores.add(0, f64::NAN, true);
        assert_eq!(scores.outcome(0).unwrap().p, 0.0);
    }
}
