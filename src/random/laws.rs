//! Probabilities of whole-number laws, in software arithmetic that is alike on every platform.
//!
//! Only `+ - * /` of IEEE 754 and [`libm`] are used, and terms are added in a fixed order, so a table built from
//! these is the same table everywhere. The tests hold them against `statrs`.

use super::Alias;

/// Terms this much rarer than the likeliest are left out: with 2^-32 as the unit of every table, they round to 0.
const NEGLIGIBLE: f64 = 1e-14;

/// Poisson with the given mean, at most 60,000: P(k) = mean^k exp(-mean) / k!.
///
/// Each term comes from its neighbour, outward from the likeliest, and the sum is scaled to 1: neither a factorial
/// nor an exponential is needed, and the relative error of a term stays under 1e-12.
pub fn poisson(mean: f64) -> Alias {
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
    Alias::new(first, &weights)
}

/// A Normal law rounded to whole numbers and clamped to `lowest..=highest`, which take what lies beyond them.
pub fn rounded_normal(mean: f64, sd: f64, lowest: i32, highest: i32) -> Alias {
    let below = |x: f64| 0.5 * libm::erfc((mean - x) / (sd * std::f64::consts::SQRT_2));
    let weights: Vec<f64> = (lowest..=highest)
        .map(|k| {
            let from = if k == lowest { 0.0 } else { below(f64::from(k) - 0.5) };
            let to = if k == highest { 1.0 } else { below(f64::from(k) + 0.5) };
            to - from
        })
        .collect();
    Alias::new(lowest, &weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::ONE;
    use statrs::distribution::{ContinuousCDF, Discrete, Normal, Poisson};

    fn assert_probability(words: u64, expected: f64, what: &str) {
        let error = (words as f64 / ONE as f64 - expected).abs();
        assert!(error < 1.5 / ONE as f64, "{what}: off by {error:e}");
    }

    #[test]
    fn poisson_agrees_with_statrs_at_every_value() {
        for mean in [0.01, 0.42, 1.0, 1.5, 2.0, 7.56, 8.0, 25.0, 60.0, 172.5, 1_500.0] {
            let law = poisson(mean);
            let reference = Poisson::new(mean).unwrap();
            for (i, words) in law.words_per_value().into_iter().enumerate() {
                let k = law.first() as u64 + i as u64;
                assert_probability(words, reference.pmf(k), &format!("Poisson({mean}) at {k}"));
            }
        }
    }

    #[test]
    fn poisson_of_nothing_is_nothing() {
        let law = poisson(0.0);
        assert_eq!((law.value(0), law.value(u32::MAX)), (0, 0));
    }

    #[test]
    fn rounded_normal_agrees_with_statrs_and_piles_its_tails_on_its_ends() {
        for (mean, lowest, highest) in [(15.0, 2, 28), (60.0, 6, 114), (480.0, 48, 912)] {
            let law = rounded_normal(mean, 0.3 * mean, lowest, highest);
            let reference = Normal::new(mean, 0.3 * mean).unwrap();
            let words = law.words_per_value();
            assert_eq!((law.first(), law.largest()), (lowest, highest));
            for (k, words) in (lowest..=highest).zip(words) {
                let from = if k == lowest { 0.0 } else { reference.cdf(f64::from(k) - 0.5) };
                let to = if k == highest { 1.0 } else { reference.cdf(f64::from(k) + 0.5) };
                assert_probability(words, to - from, &format!("Normal({mean}) at {k}"));
            }
        }
    }
}
