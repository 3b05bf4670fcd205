//! Small discrete distributions, sampled by comparing a word with each of their thresholds.

use crate::random::ONE;

/// A distribution over 0 to `N`, sampled from one 32-bit word: the value is the number of thresholds that the word has
/// reached.
///
/// Probabilities are rounded to multiples of 2^-32. Values with a probability of 0 never occur. A word that is larger
/// never gives a smaller value. So a change of one probability changes few values, and a chain of such draws is faster
/// than one of look-ups in alias tables.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps<const N: usize>([u64; N]);

impl<const N: usize> Steps<N> {
    /// Returns the distribution with these `N` + 1 weights. At least one is above 0.
    pub fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let last = weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
        let mut sum = 0.0;
        Self(std::array::from_fn(|value| {
            sum += weights[value] / total;
            if value >= last { ONE } else { ((sum * ONE as f64).round() as u64).min(ONE) }
        }))
    }

    /// Returns the value that `word` gives.
    #[inline(always)]
    pub fn value(&self, word: u32) -> usize {
        self.value_at_most::<N>(word)
    }

    /// Returns the smaller one of the value that `word` gives, and `MOST`.
    #[inline(always)]
    pub fn value_at_most<const MOST: usize>(&self, word: u32) -> usize {
        let mut value = 0;
        for &threshold in &self.0[..MOST] {
            value += usize::from(u64::from(word) >= threshold);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_give_values_in_proportion_to_the_weights() {
        let steps = Steps::<3>::new(&[0.5, 0.25, 0.125, 0.125]);
        let quarter = 1_u32 << 30;
        let words = [0, 2 * quarter - 1, 2 * quarter, 3 * quarter - 1, 3 * quarter, u32::MAX];
        assert_eq!(words.map(|word| steps.value(word)), [0, 0, 1, 1, 2, 3]);
        assert_eq!(words.map(|word| steps.value_at_most::<2>(word)), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn values_without_weight_never_occur() {
        for weights in [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.3, 0.0, 0.7]] {
            let steps = Steps::<3>::new(&weights);
            for word in [0, 1, u32::MAX / 3, u32::MAX - 1, u32::MAX] {
                assert!(weights[steps.value(word)] > 0.0, "{weights:?}: word {word} gives {}", steps.value(word));
            }
        }
    }
}
