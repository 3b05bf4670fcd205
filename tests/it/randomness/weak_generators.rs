//! Generators for which the battery must fail.

use saasgen::random::Purpose;
use saasgen::random::philox::{LANES, Lanes};
use std::array::from_fn;

/// Philox4x32 with any number of rounds, implemented directly from its paper.
pub fn philox<const ROUNDS: usize>(seed: u64, customers: Lanes, items: Lanes, purpose: Purpose) -> [Lanes; 4] {
    lane_by_lane(customers, items, |customer, item| {
        let mut counter = [customer as u32, (customer >> 32) as u32, item as u32, purpose.number()];
        let mut key = [seed as u32, (seed >> 32) as u32];
        for _ in 0..ROUNDS {
            let products = [0xD251_1F53 * u64::from(counter[0]), 0xCD9E_8D57 * u64::from(counter[2])];
            let [high_0, high_1] = products.map(|product| (product >> 32) as u32);
            let [low_0, low_1] = products.map(|product| product as u32);
            counter = [high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0];
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        counter
    })
}

/// FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo) over whole words, without a finalizer.
pub fn unfinished_hash(seed: u64, customers: Lanes, items: Lanes, purpose: Purpose) -> [Lanes; 4] {
    lane_by_lane(customers, items, |customer, item| {
        let step = |hash: u64, part: u64| (hash ^ part).wrapping_mul(0x100_0000_01B3);
        let hash = [seed, customer, item, u64::from(purpose.number())].into_iter().fold(0xCBF2_9CE4_8422_2325, step);
        from_fn(|word| (step(hash, word as u64) >> 32) as u32)
    })
}

/// A Weyl sequence: the number of the word times the golden ratio.
pub fn weyl(seed: u64, customers: Lanes, items: Lanes, purpose: Purpose) -> [Lanes; 4] {
    lane_by_lane(customers, items, |customer, item| {
        let first = customer.wrapping_mul(1 << 20).wrapping_add(item * 32 + u64::from(purpose.number()) * 4);
        from_fn(|word| ((seed ^ (first + word as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 32) as u32)
    })
}

fn lane_by_lane(customers: Lanes, items: Lanes, words: impl Fn(u64, u64) -> [u32; 4]) -> [Lanes; 4] {
    let lanes: [[u32; 4]; LANES] = from_fn(|lane| words(customers[lane], items[lane]));
    from_fn(|word| lanes.map(|words| u64::from(words[word])))
}
