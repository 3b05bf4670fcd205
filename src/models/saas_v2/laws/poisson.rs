//! The Poisson distributions of the model: of tickets, which are at most 7, and of sessions, which are at least 1.

use crate::random::AliasTable;

/// The most tickets of one kind in a cycle.
pub const MOST_TICKETS: usize = 7;

/// The least probability of a term, relative to the most probable one. Smaller terms round to 0 words of 2^32.
const NEGLIGIBLE: f64 = 1e-14;

/// Returns the probabilities of min(n, 7) for a Poisson n.
pub fn tickets(mean: f64) -> [f64; MOST_TICKETS + 1] {
    let mut probabilities = [0.0; MOST_TICKETS + 1];
    let (mut term, mut sum) = (libm::exp(-mean), 0.0_f64);
    for (n, probability) in probabilities.iter_mut().enumerate() {
        *probability = if n == MOST_TICKETS { (1.0 - sum).max(0.0) } else { term };
        sum += term;
        term *= mean / (n + 1) as f64;
    }
    probabilities
}

/// Returns the distribution of a Poisson number with this mean, at most 60,000, if it is not 0. With a mean of 0 it is 1.
///
/// Each term is computed from its neighbour, starting from the most probable one, and the sum is scaled to 1.
pub fn at_least_one(mean: f64) -> AliasTable {
    let mode = mean.floor().max(1.0);
    let (mut below, mut above) = (Vec::new(), vec![1.0]);
    let (mut term, mut k) = (1.0, mode);
    while k > 1.0 && term > NEGLIGIBLE {
        term *= k / mean;
        k -= 1.0;
        below.push(term);
    }
    let first = mode as i32 - below.len() as i32;
    let (mut term, mut k) = (1.0, mode);
    while term > NEGLIGIBLE {
        k += 1.0;
        term *= mean / k;
        above.push(term);
    }
    below.reverse();
    below.append(&mut above);
    AliasTable::new(first, &below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::ONE;
    use statrs::distribution::{Discrete, DiscreteCDF, Poisson};

    #[test]
    fn tickets_agree_with_statrs_at_every_value() {
        for mean in [0.0018, 0.12, 0.45, 1.0, 5.0, 50.0] {
            let (found, reference) = (tickets(mean), Poisson::new(mean).unwrap());
            for (n, probability) in found.iter().enumerate() {
                let expected = if n == MOST_TICKETS { reference.sf(n as u64 - 1) } else { reference.pmf(n as u64) };
                assert!((probability - expected).abs() < 1e-14, "Poisson({mean}) at {n}: {probability} {expected}");
            }
        }
        assert_eq!(tickets(0.0), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn sessions_agree_with_statrs_at_every_value() {
        for mean in [1e-9, 0.01, 0.4, 1.0, 2.0, 8.0, 60.0, 1_500.0] {
            let (table, reference) = (at_least_one(mean), Poisson::new(mean).unwrap());
            assert!(table.first() >= 1);
            for (i, words) in table.words_per_value().into_iter().enumerate() {
                let k = table.first() as u64 + i as u64;
                let expected = reference.pmf(k) / -f64::exp_m1(-mean);
                let error = (words as f64 / ONE as f64 - expected).abs();
                assert!(error < 1.5 / ONE as f64, "Poisson({mean}) at {k}: off by {error:e}");
            }
        }
    }

    #[test]
    fn sessions_with_a_mean_of_0_are_always_1() {
        let table = at_least_one(0.0);
        assert_eq!((table.value(0), table.value(u32::MAX)), (1, 1));
    }
}
