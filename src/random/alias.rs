//! Exact sampling of a whole-number law in one table look-up.

use super::ONE;
use std::hint::select_unpredictable;

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

/// An equal share of the words, those that begin with the slot's own index: words under a limit, its lower half, give
/// that index, the others its upper half. One load has both, so that compilers see nothing to gain by a branch, which
/// would be mispredicted a third of the time.
#[derive(Debug, Clone, Copy)]
struct Slot(u64);

impl Slot {
    fn new(limit: u32, other: u32) -> Self {
        Self(u64::from(limit) | u64::from(other) << 32)
    }

    #[inline(always)]
    fn limit(self) -> u32 {
        self.0 as u32
    }

    #[inline(always)]
    fn other(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// An [`Alias`] at hand.
#[derive(Debug, Clone, Copy)]
pub struct Drawer<'a> {
    first: i32,
    shift: u32,
    slots: &'a [Slot],
}

impl Drawer<'_> {
    /// As [`Alias::value`].
    #[inline(always)]
    pub fn value(self, word: u32) -> i32 {
        self.first + self.index(word) as i32
    }

    /// As [`Alias::index`].
    #[inline(always)]
    pub fn index(self, word: u32) -> u32 {
        let own = word >> self.shift;
        let slot = self.slots[own as usize];
        select_unpredictable(word < slot.limit(), own, slot.other())
    }
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

        // Words of a slot that nothing is said of below all give its own index: it has as many as it needs.
        let mut slots: Vec<Slot> = (0..left.len() as u32).map(|own| Slot::new(0, own)).collect();
        let (mut under, mut over): (Vec<usize>, Vec<usize>) = (0..left.len()).partition(|&i| left[i] < capacity);
        while let (Some(poor), Some(&rich)) = (under.pop(), over.last()) {
            slots[poor] = Slot::new((poor as u64 * capacity + left[poor]) as u32, rich as u32);
            left[rich] -= capacity - left[poor];
            if left[rich] < capacity {
                over.pop();
                under.push(rich);
            }
        }
        Self { first, shift: 32 - bits, slots: slots.into() }
    }

    /// The value that `word` stands for.
    #[inline(always)]
    pub fn value(&self, word: u32) -> i32 {
        self.drawer().value(word)
    }

    /// The value that `word` stands for, less the law's first value.
    #[inline(always)]
    pub fn index(&self, word: u32) -> u32 {
        self.drawer().index(word)
    }

    /// The same law for many draws: its fields stay in registers.
    #[inline(always)]
    pub fn drawer(&self) -> Drawer<'_> {
        Drawer { first: self.first, shift: self.shift, slots: &self.slots }
    }

    /// Each slot's limit, less the slot's first word, and the value for the words from there on, less the law's first:
    /// of the limit the upper 16 bits of those that follow a slot's index in a word.
    pub fn narrow_slots(&self) -> impl Iterator<Item = (u16, u16)> {
        self.slots.iter().enumerate().map(|(own, slot)| {
            let words_of_own = u64::from(slot.limit()).saturating_sub((own as u64) << self.shift);
            ((words_of_own << (32 - self.shift) >> 16) as u16, slot.other() as u16)
        })
    }

    /// How many of the 2^32 words give each value, from the law's first value on: its exact probabilities.
    pub fn words_per_value(&self) -> Vec<u64> {
        let capacity = 1_u64 << self.shift;
        let mut counts = vec![0; self.slots.len()];
        for (own, slot) in self.slots.iter().enumerate() {
            let words_of_own = u64::from(slot.limit()).saturating_sub(own as u64 * capacity);
            counts[own] += words_of_own;
            counts[slot.other() as usize] += capacity - words_of_own;
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
