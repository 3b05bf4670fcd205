//! Exact sampling of a whole-number law in one table look-up.

use super::ONE;

/// A law over few whole numbers, drawn from one 32-bit word without a branch.
///
/// Walker's alias method (A. J. Walker, 1977; built as by M. D. Vose, 1991) in whole numbers: the law's
/// probabilities are rounded to multiples of 2^-32, and each value is then drawn by exactly that many of the 2^32
/// words. Outcomes rarer than about 2^-33 (6 sd and beyond
/// of a Poisson or Normal law) don't occur.
#[derive(Debug, Clone)]
pub struct Alias {
    first: i32,
    shift: u32,
    slots: Box<[Slot]>,
}

/// An equal share of the words: those whose low bits are under `threshold` give `below`, the others `above`.
#[derive(Debug, Clone, Copy)]
struct Slot {
    threshold: u32,
    below: u16,
    above: u16,
}

impl Alias {
    /// The law that gives `first + i` with a probability proportional to `weights[i]`.
    ///
    /// `weights` are finite, not negative, not all zero, and at most 65,536: laws come from a checked model.
    pub fn new(first: i32, weights: &[f64]) -> Self {
        let shares = whole_shares(weights);
        let bits = shares.len().next_power_of_two().trailing_zeros().max(1);
        let capacity = ONE >> bits;
        let mut left = shares;
        left.resize(1 << bits, 0);

        let mut slots = vec![Slot { threshold: 0, below: 0, above: 0 }; left.len()];
        let (mut under, mut over): (Vec<usize>, Vec<usize>) = (0..left.len()).partition(|&i| left[i] < capacity);
        while let (Some(poor), Some(&rich)) = (under.pop(), over.last()) {
            slots[poor] = Slot { threshold: left[poor] as u32, below: poor as u16, above: rich as u16 };
            left[rich] -= capacity - left[poor];
            if left[rich] < capacity {
                over.pop();
                under.push(rich);
            }
        }
        for full in over {
            slots[full] = Slot { threshold: capacity as u32, below: full as u16, above: full as u16 };
        }
        Self { first, shift: 32 - bits, slots: slots.into() }
    }

    /// The value that `word` stands for.
    #[inline(always)]
    pub fn value(&self, word: u32) -> i32 {
        self.first + i32::from(self.index(word))
    }

    /// The value that `word` stands for, less the law's first value.
    #[inline(always)]
    pub fn index(&self, word: u32) -> u16 {
        // The mask changes nothing: it shows the compiler that the index is in bounds.
        let slot = self.slots[(word >> self.shift) as usize & (self.slots.len() - 1)];
        let within = word & ((1 << self.shift) - 1);
        if within < slot.threshold { slot.below } else { slot.above }
    }

    /// How many of the 2^32 words give each value, from the law's first value on: its exact probabilities.
    pub fn words_per_value(&self) -> Vec<u64> {
        let capacity = 1_u64 << self.shift;
        let mut counts = vec![0; self.slots.len()];
        for slot in &self.slots {
            counts[usize::from(slot.below)] += u64::from(slot.threshold);
            counts[usize::from(slot.above)] += capacity - u64::from(slot.threshold);
        }
        let used = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
        counts.truncate(used);
        counts
    }

    /// The law's first value, which may have probability 0.
    pub fn first(&self) -> i32 {
        self.first
    }

    /// The largest value that can occur.
    pub fn largest(&self) -> i32 {
        self.first + self.words_per_value().len() as i32 - 1
    }
}

/// Rounds the running sums of `weights` to whole words of 2^32 and returns the steps: their sum is exactly 2^32.
fn whole_shares(weights: &[f64]) -> Vec<u64> {
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
    fn words_are_shared_out_exactly() {
        let laws: [&[f64]; 6] =
            [&[1.0], &[0.0, 3.0], &[0.4, 0.35, 0.2, 0.05], &[1e-12, 1.0, 1e-12], &[1.0; 256], &[2.0; 300]];
        for weights in laws {
            let alias = Alias::new(0, weights);
            let words = alias.words_per_value();
            assert_eq!(words.iter().sum::<u64>(), ONE);
            let total: f64 = weights.iter().sum();
            for (i, weight) in weights.iter().enumerate() {
                let share = words.get(i).copied().unwrap_or(0) as f64;
                assert!((share - weight / total * ONE as f64).abs() <= 1.0, "{weights:?}: {i} has {share} words");
            }
        }
    }

    /// Counts by drawing what `words_per_value` claims by reading the table: every word of a coarse grid, each of
    /// which stands for 2^12 words, so the counts agree to within one step a slot boundary.
    #[test]
    fn draws_follow_the_table() {
        let alias = Alias::new(-3, &[0.1, 0.0, 0.25, 0.05, 0.6]);
        let mut drawn = [0_u64; 5];
        for word in (0..=u32::MAX).step_by(1 << 12) {
            drawn[(alias.value(word) + 3) as usize] += 1 << 12;
        }
        for (value, words) in alias.words_per_value().into_iter().enumerate() {
            assert!(drawn[value].abs_diff(words) <= 8 << 12, "{value}: drew {}, table says {words}", drawn[value]);
        }
    }

    #[test]
    fn extreme_words_stay_in_the_law() {
        let alias = Alias::new(5, &[0.5, 0.0, 0.5]);
        for word in [0, 1, u32::MAX - 1, u32::MAX, 1 << 31, (1 << 31) - 1] {
            assert!([5, 7].contains(&alias.value(word)));
        }
        assert_eq!((alias.first(), alias.largest()), (5, 7));
    }
}
