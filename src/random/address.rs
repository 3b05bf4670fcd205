//! The address of a draw: customer, item and purpose.

use super::philox::{LANES, Lanes, RoundKeys, philox, philox_single};
use rand_core::{TryRng, utils};
use std::convert::Infallible;

/// The purpose of a draw: the number that a model gives to one kind of draws. Draws for different purposes are
/// independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(u32);

impl Purpose {
    /// Returns the purpose with this number.
    pub const fn new(number: u8) -> Self {
        Self(number as u32)
    }

    /// Returns the number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The address of four 32-bit random words under a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// The customer's id, or 0 for a value that belongs to no customer.
    pub customer: u64,
    /// The number of the value among those of the same customer and purpose.
    pub item: u32,
    /// The purpose of the value.
    pub purpose: Purpose,
}

impl Address {
    /// Returns the four words at this address under `seed`.
    #[inline]
    pub fn words(self, seed: u64) -> [u32; 4] {
        philox_single(seed, self.counter())
    }

    #[inline]
    fn counter(self) -> [u32; 4] {
        [self.customer as u32, (self.customer >> 32) as u32, self.item, self.purpose.0]
    }

    /// Returns the words at [`LANES`] addresses with the same purpose: `words[word][lane]`.
    #[inline(always)]
    pub fn words_of_lanes(keys: &RoundKeys, customers: Lanes, items: Lanes, purpose: Purpose) -> [[u32; LANES]; 4] {
        let mixed = Self::mixed_lanes(keys, customers, items, purpose);
        let mut words = [[0; LANES]; 4];
        for (words, mixed) in words.iter_mut().zip(&mixed) {
            for lane in 0..LANES {
                words[lane] = mixed[lane] as u32;
            }
        }
        words
    }

    /// Returns the same words as [`Self::words_of_lanes`], each in the lower half of 64 bits.
    #[inline(always)]
    pub fn mixed_lanes(keys: &RoundKeys, customers: Lanes, items: Lanes, purpose: Purpose) -> [Lanes; 4] {
        let (mut low, mut high) = ([0; LANES], [0; LANES]);
        for lane in 0..LANES {
            low[lane] = customers[lane] & 0xFFFF_FFFF;
            high[lane] = customers[lane] >> 32;
        }
        philox(keys, [low, high, items, [u64::from(purpose.0); LANES]])
    }
}

/// A random generator that starts at an address, for distributions of `rand_distr`.
///
/// It yields the four words of the address first. The next words come from counters that no [`Address`] uses: the
/// number of the counter is in the 24 bits above the purpose. The sequence repeats after 2^26 words.
///
/// ```
/// use rand_distr::{Distribution, Exp1};
/// use saasgen::random::{Address, AddressRng, Purpose};
///
/// let address = Address { customer: 7, item: 0, purpose: Purpose::new(1) };
/// let at = |seed| -> f64 { Exp1.sample(&mut AddressRng::new(seed, address)) };
/// assert_eq!(at(42), at(42));
/// assert_ne!(at(42), at(43));
/// ```
#[derive(Debug, Clone)]
pub struct AddressRng {
    seed: u64,
    address: Address,
    drawn: u32,
}

impl AddressRng {
    /// Returns a generator that starts at `address` under `seed`.
    pub fn new(seed: u64, address: Address) -> Self {
        Self { seed, address, drawn: 0 }
    }
}

impl TryRng for AddressRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let [customer_low, customer_high, item, purpose] = self.address.counter();
        let (block, word) = (self.drawn / 4, self.drawn % 4);
        self.drawn = self.drawn.wrapping_add(1);
        Ok(philox_single(self.seed, [customer_low, customer_high, item, purpose | block << 8])[word as usize])
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        utils::next_u64_via_u32(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        utils::fill_bytes_via_next_word(bytes, || self.try_next_u32())
    }
}
