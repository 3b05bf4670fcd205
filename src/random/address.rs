//! Where a draw stands: the customer, the item and the purpose that it is for.

use super::philox::{LANES, Lanes, RoundKeys, philox, philox_single};
use rand_core::{TryRng, utils};
use std::convert::Infallible;

/// What a draw is for. Purposes never share bits; each names its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Purpose {
    /// customers: signup day, plan, region (words 0, 1, 2). Item 0.
    Profile = 1,
    /// usage: active or not, and logged or not, on a day: the upper 16 bits. See `tables::usage` for its items.
    Activity = 2,
    /// usage: sessions, usage minutes, feature events (words 0, 1, 2) of an active day. Item: the age in days.
    UsageValues = 3,
    /// usage: the loss rate of a calendar day (word 0). Customer 0; item: days since 1970-01-01.
    LossRate = 4,
    /// billing: jitter and status, of two invoices (words 0, 1 and 2, 3). Item: half the invoice's index from 0.
    Invoice = 5,
    /// support: how many tickets (word 0). Item 0.
    TicketCount = 6,
    /// support: date, category, priority (words 0, 1, 2). Item: the ticket's index from 0, before sorting by date.
    Ticket = 7,
    /// usage: the lower 16 bits of what [`Purpose::Activity`] has the upper ones of, at the same items.
    ActivityTie = 8,
}

/// The place of four 32-bit words among all that a seed can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// The customer's id, 0 where the value belongs to no customer.
    pub customer: u64,
    /// Which of the customer's values.
    pub item: u32,
    /// What the value is for.
    pub purpose: Purpose,
}

impl Address {
    /// The four words at this address under `seed`.
    #[inline]
    pub fn words(self, seed: u64) -> [u32; 4] {
        philox_single(seed, self.counter())
    }

    #[inline]
    fn counter(self) -> [u32; 4] {
        [self.customer as u32, (self.customer >> 32) as u32, self.item, self.purpose as u32]
    }

    /// The words at [`LANES`] addresses that differ in customer and item alone, by word.
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

    /// The same words, as they come: each in 64 bits.
    #[inline(always)]
    pub fn mixed_lanes(keys: &RoundKeys, customers: Lanes, items: Lanes, purpose: Purpose) -> [Lanes; 4] {
        let (mut low, mut high) = ([0; LANES], [0; LANES]);
        for lane in 0..LANES {
            low[lane] = customers[lane] & 0xFFFF_FFFF;
            high[lane] = customers[lane] >> 32;
        }
        philox(keys, [low, high, items, [purpose as u64; LANES]])
    }
}

/// A random generator that begins at an address, for laws that come as a distribution object (`rand_distr`).
///
/// Yields the words of the address, then those of further counters that no [`Address`] has: their number stands in
/// the 24 bits above the purpose, so 2^26 words come before the first repeats.
///
/// ```
/// use rand_distr::{Distribution, Exp1};
/// use saasgen::random::{Address, AddressRng, Purpose};
///
/// let address = Address { customer: 7, item: 0, purpose: Purpose::Ticket };
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
    /// A generator at `address` under `seed`.
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
