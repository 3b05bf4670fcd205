//! Poisson and rounded Normal distributions, computed with the same result on every platform.
//!
//! The code uses only `+ - * /` of IEEE 754 and [`libm`], and adds terms in a fixed order, so tables are equal on every
//! platform. The tests compare them with `statrs`.

use super::AliasTable;

/// The least probability of a term, relative to the most probable one. Smaller terms round to 0 words of 2^32.
const NEGLIGIBLE: f64 = 1e-14;

/// Returns the Poisson distribution with a mean of at most 60,000: P(k) = mean^k exp(-mean) / k!.
///
/// Each term is computed from its neighbour, starting from the most probable one, and the sum is scaled to 1. This
/// needs neither factorials nor exponentials. The relative error of a term stays below 1e-12.
pub fn poisson(mean: f64) -> AliasTable {
    let mode = mean.floor();
    let mut below = Vec::new();
    let (mut term, mut k) = (1.0, mode);
    while k > 0.0 && term > NEGLIGIBLE {
        term *= k / mean;
        k -= 1.0;
        below.push(term);
    }
    let first = mode as i32 - below.len() as i32;
    let mut weights: Vec<f64> = below.into_iter().rev().collect();
    let (mut term, mut k) = (1.0, mode);
    while term > NEGLIGIBLE {
        weights.push(term);
        k += 1.0;
        term *= mean / k;
    }
    AliasTable::new(first, &weights)
}

/// Returns a Normal distribution, rounded to whole numbers and clamped to `lowest..=highest`.
///
/// `lowest` and `highest` also have the probability of everything beyond them.
pub fn rounded_normal(mean: f64, sd: f64, lowest: i32, highest: i32) -> AliasTable {
    let below = |x: f64| 0.5 * libm::erfc((mean - x) / (sd * std::f64::consts::SQRT_2));
    let weights: Vec<f64> = (lowest..=highest)
        .map(|k| {
            let from = if k == lowest { 0.0 } else { below(f64::from(k) - 0.5) };
            let to = if k == highest { 1.0 } else { below(f64::from(k) + 0.5) };
            to - from
        })
        .collect();
    AliasTable::new(lowest, &weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::ONE;
    use statrs::distribution::{ContinuousCDF, Discrete, Normal, Poisson};

    fn assert_probability(words: u64, expected: f64, case: &str) {
        let error = (words as f64 / ONE as f64 - expected).abs();
        assert!(error < 1.5 / ONE as f64, "{case}: off by {error:e}");
    }

    #[test]
    fn poisson_agrees_with_statrs_at_every_value() {
        for mean in [0.01, 0.42, 1.0, 1.5, 2.0, 7.56, 8.0, 25.0, 60.0, 172.5, 1_500.0] {
            let distribution = poisson(mean);
            let reference = Poisson::new(mean).unwrap();
            for (i, words) in distribution.words_per_value().into_iter().enumerate() {
                let k = distribution.first() as u64 + i as u64;
                assert_probability(words, reference.pmf(k), &format!("Poisson({mean}) at {k}"));
            }
        }
    }

    #[test]
    fn poisson_with_mean_0_always_gives_0() {
        let distribution = poisson(0.0);
        assert_eq!((distribution.value(0), distribution.value(u32::MAX)), (0, 0));
    }

    #[test]
    fn rounded_normal_agrees_with_statrs_and_its_ends_hold_the_tails() {
        for (mean, lowest, highest) in [(15.0, 2, 28), (60.0, 6, 114), (480.0, 48, 912)] {
            let distribution = rounded_normal(mean, 0.3 * mean, lowest, highest);
            let reference = Normal::new(mean, 0.3 * mean).unwrap();
            let words = distribution.words_per_value();
            assert_eq!((distribution.first(), distribution.largest()), (lowest, highest));
            for (k, words) in (lowest..=highest).zip(words) {
                let from = if k == lowest { 0.0 } else { reference.cdf(f64::from(k) - 0.5) };
                let to = if k == highest { 1.0 } else { reference.cdf(f64::from(k) + 0.5) };
                assert_probability(words, to - from, &format!("Normal({mean}) at {k}"));
            }
        }
    }
}
