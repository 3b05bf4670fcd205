//! Probabilities and uniform numbers in whole-number arithmetic on 32-bit words.

/// The probability 1 in fixed point: how many 32-bit words there are.
pub const ONE: u64 = 1 << 32;

/// Returns a number uniform over `0..count`, from one 32-bit word, by multiplication.
///
/// The probability of a number differs from `1 / count` by at most a factor of `1 + count / 2^32`, which is
/// 1 + 1.3e-7 for 550 days.
#[inline]
pub fn uniform(word: u32, count: u32) -> u32 {
    ((u64::from(word) * u64::from(count)) >> 32) as u32
}

/// Returns the threshold that a random 32-bit word is below with the given probability.
///
/// The largest threshold is 2^32 - 1, to fit 32 bits, so a probability of 1 fails once in 2^32 words.
pub fn threshold(probability: f64) -> u32 {
    (probability * ONE as f64).round().min(f64::from(u32::MAX)) as u32
}
