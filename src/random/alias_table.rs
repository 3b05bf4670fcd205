//! Exact sampling of a discrete distribution with one table look-up.

use super::ONE;
use std::hint::select_unpredictable;

/// A discrete distribution over consecutive whole numbers, sampled from one 32-bit word without a branch.
///
/// This is Walker's alias method (A. J. Walker, 1977), built as M. D. Vose describes (1991), in whole-number
/// arithmetic. Probabilities are rounded to multiples of 2^-32. Exactly that many of the 2^32 words then give each
/// value. A value with a probability below about 2^-33 never occurs: in a Poisson or Normal distribution, such values
/// lie more than 6 standard deviations from the mean.
#[derive(Debug, Clone)]
pub struct AliasTable {
    first: i32,
    shift: u32,
    slots: Box<[Slot]>,
}

/// The values of all words that start with the slot's index.
///
/// A word below the limit gives the index itself, any other word gives the alternative. The lower half holds the limit,
/// the upper half the alternative. One load fetches both, so the compiler gains nothing by a branch, which the
/// processor would mispredict a third of the time.
#[derive(Debug, Clone, Copy)]
struct Slot(u64);

impl Slot {
    fn new(limit: u32, alternative: u32) -> Self {
        Self(u64::from(limit) | u64::from(alternative) << 32)
    }

    #[inline(always)]
    fn limit(self) -> u32 {
        self.0 as u32
    }

    #[inline(always)]
    fn alternative(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// A borrowed [`AliasTable`] whose fields stay in registers over many draws.
#[derive(Debug, Clone, Copy)]
pub struct Sampler<'a> {
    first: i32,
    shift: u32,
    slots: &'a [Slot],
}

impl Sampler<'_> {
    /// See [`AliasTable::value`].
    #[inline(always)]
    pub fn value(self, word: u32) -> i32 {
        self.first + self.index(word) as i32
    }

    /// See [`AliasTable::index`].
    #[inline(always)]
    pub fn index(self, word: u32) -> u32 {
        let own = word >> self.shift;
        let slot = self.slots[own as usize];
        select_unpredictable(word < slot.limit(), own, slot.alternative())
    }
}

impl AliasTable {
    /// Returns the distribution of `first + i` with a probability proportional to `weights[i]`.
    ///
    /// There are at most 65,536 weights. They are finite and not negative, and at least one is above 0. A checked model
    /// guarantees all of this.
    pub fn new(first: i32, weights: &[f64]) -> Self {
        let shares = words_of_weights(weights);
        let bits = shares.len().next_power_of_two().trailing_zeros().max(1);
        let capacity = ONE >> bits;
        let mut left = shares;
        left.resize(1 << bits, 0);

        // A slot that the loop below doesn't change gives its own index for every word.
        let mut slots: Vec<Slot> = (0..left.len() as u32).map(|own| Slot::new(0, own)).collect();
        let (mut below, mut above): (Vec<usize>, Vec<usize>) = (0..left.len()).partition(|&i| left[i] < capacity);
        while let (Some(small), Some(&large)) = (below.pop(), above.last()) {
            slots[small] = Slot::new((small as u64 * capacity + left[small]) as u32, large as u32);
            left[large] -= capacity - left[small];
            if left[large] < capacity {
                above.pop();
                below.push(large);
            }
        }
        Self { first, shift: 32 - bits, slots: slots.into() }
    }

    /// Returns the value that `word` gives.
    #[inline(always)]
    pub fn value(&self, word: u32) -> i32 {
        self.sampler().value(word)
    }

    /// Returns the value that `word` gives, minus [`Self::first`].
    #[inline(always)]
    pub fn index(&self, word: u32) -> u32 {
        self.sampler().index(word)
    }

    /// Borrows the table for many draws.
    #[inline(always)]
    pub fn sampler(&self) -> Sampler<'_> {
        Sampler { first: self.first, shift: self.shift, slots: &self.slots }
    }

    /// Returns each slot in 16-bit halves: its limit and its alternative.
    ///
    /// The limit consists of the first 16 bits that follow the slot's index. The alternative counts from
    /// [`Self::first`].
    pub fn slots_of_16_bits(&self) -> impl Iterator<Item = (u16, u16)> {
        self.slots.iter().enumerate().map(|(own, slot)| {
            let words_of_own = u64::from(slot.limit()).saturating_sub((own as u64) << self.shift);
            ((words_of_own << (32 - self.shift) >> 16) as u16, slot.alternative() as u16)
        })
    }

    /// Returns how many of the 2^32 words give each value, from [`Self::first`] on: the exact probabilities.
    pub fn words_per_value(&self) -> Vec<u64> {
        let capacity = 1_u64 << self.shift;
        let mut counts = vec![0; self.slots.len()];
        for (own, slot) in self.slots.iter().enumerate() {
            let words_of_own = u64::from(slot.limit()).saturating_sub(own as u64 * capacity);
            counts[own] += words_of_own;
            counts[slot.alternative() as usize] += capacity - words_of_own;
        }
        let used = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
        counts.truncate(used);
        counts
    }

    /// Returns the first value of the distribution. It may have a probability of 0.
    pub fn first(&self) -> i32 {
        self.first
    }

    /// Returns the largest value that can occur.
    pub fn largest(&self) -> i32 {
        self.first + self.words_per_value().len() as i32 - 1
    }
}

/// Returns the number of words that each weight stands for. The numbers sum to exactly 2^32.
///
/// Running sums are rounded, not the weights: their differences are the numbers of words.
fn words_of_weights(weights: &[f64]) -> Vec<u64> {
    let total: f64 = weights.iter().sum();
    let last = weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
    let (mut sum, mut before) = (0.0, 0);
    weights[..=last]
        .iter()
        .enumerate()
        .map(|(i, weight)| {
            sum += weight / total;
            let upto = if i == last { ONE } else { ((sum * ONE as f64).round() as u64).min(ONE) };
            let share = upto - before;
            before = upto;
            share
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_exact_to_one_word() {
        let distributions: [&[f64]; 6] =
            [&[1.0], &[0.0, 3.0], &[0.4, 0.35, 0.2, 0.05], &[1e-12, 1.0, 1e-12], &[1.0; 256], &[2.0; 300]];
        for weights in distributions {
            let alias = AliasTable::new(0, weights);
            let words = alias.words_per_value();
            assert_eq!(words.iter().sum::<u64>(), ONE);
            let total: f64 = weights.iter().sum();
            for (i, weight) in weights.iter().enumerate() {
                let share = words.get(i).copied().unwrap_or(0) as f64;
                assert!((share - weight / total * ONE as f64).abs() <= 1.0, "{weights:?}: value {i} has {share} words");
            }
        }
    }

    /// Draws with every 2^12th word and compares the counts with `words_per_value`. They agree to within one step for
    /// each boundary of a slot.
    #[test]
    fn samples_have_the_probabilities_of_the_table() {
        let alias = AliasTable::new(-3, &[0.1, 0.0, 0.25, 0.05, 0.6]);
        let mut drawn = [0_u64; 5];
        for word in (0..=u32::MAX).step_by(1 << 12) {
            drawn[(alias.value(word) + 3) as usize] += 1 << 12;
        }
        for (value, words) in alias.words_per_value().into_iter().enumerate() {
            assert!(drawn[value].abs_diff(words) <= 8 << 12, "{value}: drew {}, the table says {words}", drawn[value]);
        }
    }

    #[test]
    fn extreme_words_give_values_of_the_distribution() {
        let alias = AliasTable::new(5, &[0.5, 0.0, 0.5]);
        for word in [0, 1, u32::MAX - 1, u32::MAX, 1 << 31, (1 << 31) - 1] {
            assert!([5, 7].contains(&alias.value(word)));
        }
        assert_eq!((alias.first(), alias.largest()), (5, 7));
    }
}
