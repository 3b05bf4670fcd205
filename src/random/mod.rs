//! Random bits by address, and whole-number laws drawn from them.
//!
//! A draw is never the next of a sequence: it is the value at an [`Address`] under a seed, so any row of any
//! table can be made at once and alone. The bits are Philox4x32-7 ([`philox`]); whole-number laws are exact
//! tables ([`Alias`]) over probabilities computed in software ([`laws`]), alike on every platform.

mod address;
mod alias;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub mod laws;
pub mod philox;

pub use address::{Address, AddressRng, Purpose};
pub use alias::Alias;

/// The probability 1 in the fixed-point form in which 32-bit draws are compared with probabilities.
pub const ONE: u64 = 1 << 32;

/// A whole number uniform over `0..count`, from one 32-bit word, by multiplication.
///
/// No value is more than `count / 2^32` (relative) away from its share: 1.3e-7 for 550 days.
#[inline]
pub fn uniform(word: u32, count: u32) -> u32 {
    ((u64::from(word) * u64::from(count)) >> 32) as u32
}

/// `probability` as the number of 32-bit words, of all 2^32, that fall below it.
///
/// Saturates one word short of certainty, so that the result fits 32 bits: a probability of 1 fails once in 2^32.
pub fn threshold(probability: f64) -> u32 {
    (probability * ONE as f64).round().min(f64::from(u32::MAX)) as u32
}
