//! A group of 64 ages of a customer, whose activity is tested together.
//!
//! A group takes eight counters with eight draws each, in the order in which vector units hold them:
//!
//! ```text
//!                  lane 0        lane 1      …  lane 7
//!     words 0, 1:  age  0 …  3   age  4 …  7    age 28 … 31     item of the address = 8 x group + lane
//!     words 2, 3:  age 32 … 35   age 36 … 39    age 60 … 63     two ages in a word, the first in the lower half
//! ```

use crate::random::philox::{LANES, RoundKeys};
use crate::random::{Address, Purpose};

/// The number of ages of a group.
pub const AGES_PER_GROUP: usize = 8 * LANES;

/// Returns the draws of a customer's group of ages.
#[inline(always)]
pub fn draws(keys: &RoundKeys, customer: u64, group: usize, purpose: Purpose) -> [u16; AGES_PER_GROUP] {
    let mut items = [0; LANES];
    for (lane, item) in items.iter_mut().enumerate() {
        *item = (group * LANES + lane) as u64;
    }
    let [a, b, c, d] = Address::mixed_lanes(keys, [customer; LANES], items, purpose);
    let mut bytes = [[[0; 8]; LANES]; 2];
    for lane in 0..LANES {
        bytes[0][lane] = (a[lane] | b[lane] << 32).to_le_bytes();
        bytes[1][lane] = (c[lane] | d[lane] << 32).to_le_bytes();
    }
    let mut draws = [0; AGES_PER_GROUP];
    for (draw, bytes) in draws.iter_mut().zip(bytes.as_flattened().as_flattened().as_chunks().0) {
        *draw = u16::from_le_bytes(*bytes);
    }
    draws
}

/// Tests whether each draw is below its threshold times its share.
///
/// Returns a bit for each age, with the first age in the lowest bit, and whether there is a tie: a draw whose upper
/// 16 bits don't decide.
#[inline(always)]
pub fn below(
    draws: &[u16; AGES_PER_GROUP],
    thresholds: &[u16; AGES_PER_GROUP],
    shares: &[u16; AGES_PER_GROUP],
) -> (u64, bool) {
    let (mut flags, mut ties) = ([0; AGES_PER_GROUP], 0);
    for age in 0..AGES_PER_GROUP {
        let limit = ((u32::from(thresholds[age]) * u32::from(shares[age])) >> 16) as u16;
        flags[age] = u8::from(draws[age] < limit);
        ties |= u8::from(draws[age].wrapping_sub(limit) <= 2);
    }
    let mut bits = 0;
    for (eighth, flags) in flags.as_chunks().0.iter().enumerate() {
        // The multiplication collects the lowest bit of each byte in the top byte.
        bits |= u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56 << (8 * eighth);
    }
    (bits, ties != 0)
}

/// For each byte, the positions of the bits that are set, in ascending order.
static PLACES: [[u16; 8]; 256] = {
    let mut places = [[0; 8]; 256];
    let mut bits = 0;
    while bits < 256 {
        let (mut place, mut count) = (0, 0);
        while place < 8 {
            if bits >> place & 1 == 1 {
                places[bits][count] = place as u16;
                count += 1;
            }
            place += 1;
        }
        bits += 1;
    }
    places
};

/// Writes the age of each bit that is set, in ascending order, to `ages` from `count` on. Returns the new count.
///
/// No branch depends on the bits. Eight ages are written at a time, of which those of set bits count. So `ages` has
/// [`AGES_PER_GROUP`] entries from `count` on.
#[inline(always)]
pub fn add_ages(ages: &mut [u16], mut count: usize, first_age: u16, bits: u64) -> usize {
    for (eighth, bits) in bits.to_le_bytes().into_iter().enumerate() {
        let mut of_bits = PLACES[usize::from(bits)];
        for age in &mut of_bits {
            *age += first_age + eighth as u16 * 8;
        }
        ages[count..count + 8].copy_from_slice(&of_bits);
        count += bits.count_ones() as usize;
    }
    count
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    use super::super::avx512;
    use super::*;
    use multiversion::{multiversion, target::match_target};

    type Tested = ((u64, bool), Vec<u16>);

    /// Uses the vector units of this machine.
    #[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt"))]
    fn tested(
        draws: &[u16; AGES_PER_GROUP],
        thresholds: &[u16; AGES_PER_GROUP],
        shares: &[u16; AGES_PER_GROUP],
        bits: u64,
    ) -> Tested {
        let mut ages = vec![0; 3 + AGES_PER_GROUP];
        let (below, count) = match_target! {
            "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" => {
                let count = avx512::add_ages(&mut ages, 3, 500, bits);
                (avx512::below(draws, thresholds, shares), count)
            },
            _ => {
                let count = add_ages(&mut ages, 3, 500, bits);
                (below(draws, thresholds, shares), count)
            },
        };
        ages.truncate(count);
        (below, ages)
    }

    #[test]
    fn vector_units_and_plain_code_agree() {
        let words = |item| Address { customer: 1, item, purpose: Purpose::new(2) }.words(7);
        for item in 0..2_000 {
            let [a, b, c, d] = words(item);
            // For odd items, all draws are next to their limit, on either side.
            let shares: [u16; AGES_PER_GROUP] = std::array::from_fn(|age| (a >> (age % 16)) as u16);
            let thresholds: [u16; AGES_PER_GROUP] = std::array::from_fn(|age| (b >> (age % 13)) as u16);
            let draws: [u16; AGES_PER_GROUP] = std::array::from_fn(|age| {
                let limit = ((u32::from(thresholds[age]) * u32::from(shares[age])) >> 16) as u16;
                if item % 2 == 0 {
                    (c >> (age % 16)) as u16
                } else {
                    limit.wrapping_add((age % 6) as u16).wrapping_sub((d % 4) as u16)
                }
            });
            let bits = [0, u64::MAX, u64::from(c) << 32 | u64::from(d), u64::from(a) << 7][item as usize % 4];
            let (from_draws, ages) = tested(&draws, &thresholds, &shares, bits);
            assert_eq!(from_draws, below(&draws, &thresholds, &shares), "{item}");
            let mut plain = vec![0; 3 + AGES_PER_GROUP];
            let count = add_ages(&mut plain, 3, 500, bits);
            plain.truncate(count);
            assert_eq!(ages, plain, "{item}");
            let expected = (0..AGES_PER_GROUP as u16).filter(|age| bits >> age & 1 == 1).map(|age| 500 + age);
            assert!([0; 3].into_iter().chain(expected).eq(plain), "{item}");
        }
    }

    #[test]
    fn a_draw_at_its_limit_or_up_to_two_above_is_a_tie() {
        let (thresholds, shares) = ([1 << 15; AGES_PER_GROUP], [1 << 15; AGES_PER_GROUP]);
        let limit = 1 << 14;
        for (draw, is_below, is_tie) in
            [(limit - 1, true, false), (limit, false, true), (limit + 2, false, true), (limit + 3, false, false)]
        {
            let mut draws = [u16::MAX; AGES_PER_GROUP];
            draws[33] = draw;
            assert_eq!(below(&draws, &thresholds, &shares), (u64::from(is_below) << 33, is_tie), "{draw}");
        }
    }
}
