//! Philox4x32-7, a counter-based random generator: each draw is a function of a key and a counter.
//!
//! Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
//! SC'11. Seven is the smallest number of rounds that passes all of TestU01's BigCrush in the paper. The common
//! Philox4x32-10 has three more rounds as a safety margin, which would make every draw two fifths slower.
//!
//! The counter is the address itself, not a hash of it: the 128 bits of an address map one to one to the counter. The
//! seed is the 64-bit key. So no two addresses of a data set share a draw.

/// The number of counters mixed together. Eight are enough independent work to fill the widest vector unit.
pub const LANES: usize = 8;

/// One 32-bit word for each lane. Words are kept in 64 bits, the layout in which vector units multiply 32 by 32 bits.
pub type Lanes = [u64; LANES];

const ROUNDS: usize = 7;
pub(super) const MULTIPLIER: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEP: [u64; 2] = [0x9E37_79B9, 0xBB67_AE85];
pub(super) const WORD: u64 = 0xFFFF_FFFF;

/// The keys of all rounds.
///
/// Compute them once for each seed and read them from memory. If the compiler sees how they are computed, it generates
/// slower code for two reasons. It broadcasts each key again for every counter. And it removes the masks, because it
/// can prove that words stay below 2^32, but then no longer knows it when it selects instructions, and multiplies 64 by
/// 64 bits, which takes Intel processors three steps. Usage rows took a fifth longer with AVX-512, and a third longer
/// with AVX2 because of the broadcasts (Intel Xeon, 2.8 GHz).
#[derive(Debug, Clone, Copy)]
pub struct RoundKeys([[u64; 2]; ROUNDS]);

impl RoundKeys {
    /// Returns the round keys of `seed`.
    pub fn new(seed: u64) -> Self {
        let mut keys = [seed & WORD, seed >> 32];
        Self(std::array::from_fn(|_| {
            let round_keys = keys;
            keys = [(keys[0] + KEY_STEP[0]) & WORD, (keys[1] + KEY_STEP[1]) & WORD];
            round_keys
        }))
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn rounds(&self) -> [[u64; 2]; ROUNDS] {
        self.0
    }
}

/// Returns the four words of each lane's counter.
///
/// The code has only arrays and no branches, so compilers turn each line into one or two vector instructions.
#[inline(always)]
pub fn philox(keys: &RoundKeys, counters: [Lanes; 4]) -> [Lanes; 4] {
    let [mut a, mut b, mut c, mut d] = counters;
    for [key_0, key_1] in keys.0 {
        for lane in 0..LANES {
            let product_0 = MULTIPLIER[0] * (a[lane] & WORD);
            let product_1 = MULTIPLIER[1] * (c[lane] & WORD);
            a[lane] = (product_1 >> 32) ^ b[lane] ^ key_0;
            b[lane] = product_1 & WORD;
            c[lane] = (product_0 >> 32) ^ d[lane] ^ key_1;
            d[lane] = product_0 & WORD;
        }
    }
    [a, b, c, d]
}

/// Returns the four words of one counter. They are the words that [`philox`] gives in a lane with this counter.
#[inline]
pub fn philox_single(key: u64, counter: [u32; 4]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    let (mut key_0, mut key_1) = (key as u32, (key >> 32) as u32);
    for _ in 0..ROUNDS {
        let product_0 = MULTIPLIER[0] * u64::from(a);
        let product_1 = MULTIPLIER[1] * u64::from(c);
        a = (product_1 >> 32) as u32 ^ b ^ key_0;
        b = product_1 as u32;
        c = (product_0 >> 32) as u32 ^ d ^ key_1;
        d = product_0 as u32;
        key_0 = key_0.wrapping_add(KEY_STEP[0] as u32);
        key_1 = key_1.wrapping_add(KEY_STEP[1] as u32);
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors published with the paper's implementation (Random123, `kat_vectors`).
    #[test]
    fn words_equal_the_published_test_vectors() {
        let cases = [
            (0, [0; 4], [0x5f6f_b709, 0x0d89_3f64, 0x4f12_1f81, 0x4f73_0a48]),
            (u64::MAX, [u32::MAX; 4], [0x5207_ddc2, 0x4516_5e59, 0x4d8e_e751, 0x8c52_f662]),
            (
                0x299f_31d0_a409_3822,
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0x4dfc_caba, 0x190a_87f0, 0xc473_62ba, 0xb6b5_242a],
            ),
        ];
        for (key, counter, answer) in cases {
            assert_eq!(philox_single(key, counter), answer);
        }
    }

    #[test]
    fn every_lane_gives_the_words_of_its_counter() {
        for key in [0, 42, u64::MAX, 0x0123_4567_89ab_cdef] {
            let counters: [Lanes; 4] = std::array::from_fn(|word| {
                std::array::from_fn(|lane| (word as u64 * 0x0101_0101 + lane as u64 * 0x9e37_79b9) & WORD)
            });
            let mixed = philox(&RoundKeys::new(key), counters);
            for lane in 0..LANES {
                let single = philox_single(key, counters.map(|word| word[lane] as u32));
                assert_eq!(mixed.map(|word| word[lane]), single.map(u64::from), "lane {lane}");
            }
        }
    }
}
