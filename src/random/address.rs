//! The address of a draw: customer, item and purpose.

use super::philox::{LANES, Lanes, RoundKeys, philox, philox_single};
use rand_core::{TryRng, utils};
use std::convert::Infallible;

/// The purpose of a draw, with the layout of its four words. Draws for different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Purpose {
    /// `customers`: signup day, plan and region in words 0, 1 and 2. The item is 0.
    Profile = 1,
    /// `usage_daily`: the upper 16 bits of the draw that decides whether a customer was active on a day, and whether
    /// the log survived. `tables::usage::activity` shows the layout of items and words.
    Activity = 2,
    /// `usage_daily`: sessions, usage minutes and feature events of an active day in words 0, 1 and 2. The item is the
    /// customer's age in days.
    UsageValues = 3,
    /// `usage_daily`: the loss rate of a calendar day in word 0. The customer is 0, the item is the number of days
    /// since 1970-01-01.
    LossRate = 4,
    /// `billing`: jitter and status of two invoices, in words 0, 1 and words 2, 3. The item is half the index of the
    /// first invoice, counted from 0.
    Invoice = 5,
    /// `support`: the customer's number of support tickets in word 0. The item is 0.
    TicketCount = 6,
    /// `support`: date, category and priority of a support ticket in words 0, 1 and 2. The item is the ticket's index,
    /// counted from 0, before the tickets are sorted by date.
    Ticket = 7,
    /// `usage_daily`: the lower 16 bits of each draw of [`Purpose::Activity`], at the same items.
    ActivityTie = 8,
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
        [self.customer as u32, (self.customer >> 32) as u32, self.item, self.purpose as u32]
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
        philox(keys, [low, high, items, [purpose as u64; LANES]])
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
