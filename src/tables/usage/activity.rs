//! On which days customers were active, and which of those days' logs survived.
//!
//! Both come of one word of 32 bits against two thresholds: below `active` (the retention curve at that age) the
//! customer was active; below `active x surviving share` the log survived too. Under `active` the word is uniform, so a
//! log is lost with just the day's rate, on its own.
//!
//! The word's upper 16 bits nearly always settle it: the limit's upper 16 bits are a product of 16-bit factors, or that
//! and 1 or 2 more. Only a word that ties with one of those three, 3 of 65,536, is drawn to its end, with lower bits
//! from another address. So an age costs 16 random bits, and one multiplication and one comparison of 16 bits.
//!
//! Ages are tested in groups of 64, eight counters of eight draws each, in the order in which vector units hold them:
//!
//! ```text
//!                  lane 0        lane 1      …  lane 7
//!     words 0, 1:  age  0 …  3   age  4 …  7    age 28 … 31     item of the address = 8 x group + lane
//!     words 2, 3:  age 32 … 35   age 36 … 39    age 60 … 63     two ages a word, the lower half first
//! ```

#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::days::{Shares, UsageDays, WHOLE};
use crate::random::philox::{LANES, RoundKeys};
use crate::random::{Address, Purpose};
use crate::tables::DataSet;
use crate::tables::laws::PlanLaws;
use crate::tables::profiles::Profiles;
use multiversion::{multiversion, target::match_target};
use std::ops::Range;

/// Ages tested together.
pub(in crate::tables) const GROUP: usize = 8 * LANES;

/// Rows that there is room for before the first is found: a block's, about.
const MOST_ROWS_AT_FIRST: usize = 1 << 16;

/// The active days of one customer, as they follow each other in the block's `ages`.
pub(in crate::tables) struct Run {
    pub customer: u64,
    pub plan: u8,
    pub signup: u32,
    pub rows: usize,
}

/// The active days of a block of customers.
#[derive(Default)]
pub(in crate::tables) struct ActiveDays {
    pub runs: Vec<Run>,
    pub rows: usize,
    /// Age in days of each row; then at least [`LANES`] more entries, of no meaning.
    pub ages: Vec<u16>,
    /// Whether the log survived; empty unless the truth is asked for.
    pub logged: Vec<bool>,
}

/// Compiled for each level of vector units and chosen at run time. The source is the same but for AVX-512's own, and all
/// of its arithmetic is on whole numbers, so the values are too. Loops are plain: closures and array maps are not
/// compiled for the level.
///
/// All groups of a customer are drawn, then tested, then added, each step for all of them: short loops, of which the
/// processor has several rounds under way at a time.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn active_days(data_set: &DataSet, days: &UsageDays, ids: Range<u64>) -> ActiveDays {
    let window_days = data_set.model().window().days;
    let profiles = Profiles::of(data_set, ids.clone());
    let keys = *data_set.round_keys();
    let mut found = ActiveDays {
        runs: Vec::with_capacity(profiles.plan.len()),
        ages: Vec::with_capacity(MOST_ROWS_AT_FIRST.min(profiles.plan.len() * 48) + GROUP),
        ..ActiveDays::default()
    };
    let most_groups = (window_days as usize).div_ceil(GROUP);
    let mut draws = vec![[0; GROUP]; most_groups];
    let (mut logged, mut existing) = (vec![0; most_groups], vec![0; most_groups]);
    for ((customer, plan), signup) in ids.zip(profiles.plan).zip(profiles.signup) {
        if signup >= days.asked.end {
            continue;
        }
        let laws = &data_set.laws().plans[usize::from(plan)];
        let first_group = days.asked.start.saturating_sub(signup) as usize / GROUP;
        let groups = ((days.asked.end - signup) as usize).div_ceil(GROUP) - first_group;
        let draws = &mut draws[..groups];
        for (number, draws) in (first_group..).zip(&mut *draws) {
            *draws = match_target! {
                "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" =>
                    avx512::draws(&keys, customer, number),
                _ => self::draws(&keys, customer, number, Purpose::Activity),
            };
        }
        // Both are filled up with zeros by a group and more.
        let thresholds = &laws.active_upper[first_group * GROUP..].as_chunks().0[..groups];
        for (bits, shares) in [(&mut logged, Some(&days.surviving)), (&mut existing, days.existing.as_ref())] {
            let Some(shares) = shares else { continue };
            let shares_of_days = &shares.upper[signup as usize + first_group * GROUP..].as_chunks().0[..groups];
            let of_groups = draws.iter().zip(thresholds).zip(shares_of_days).zip(bits).enumerate();
            for (place, (((draws, thresholds), shares_of_days), bits)) in of_groups {
                let (below, has_ties) = match_target! {
                    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" =>
                        avx512::below(draws, thresholds, shares_of_days),
                    _ => below(draws, thresholds, shares_of_days),
                };
                *bits = if has_ties {
                    let group = Group { customer, signup: signup as usize, number: first_group + place };
                    group.below_exactly(data_set, draws, laws, shares)
                } else {
                    below
                };
            }
        }
        let before = found.ages.len();
        let first_age = (first_group * GROUP) as u16;
        let active = if days.existing.is_some() { &existing } else { &logged };
        for (place, &bits) in active[..groups].iter().enumerate() {
            let first_age = first_age + (place * GROUP) as u16;
            match_target! {
                "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" =>
                    avx512::add_ages(&mut found.ages, first_age, bits),
                _ => add_ages(&mut found.ages, first_age, bits),
            }
        }
        let rows = found.ages.len() - before;
        if rows > 0 {
            found.runs.push(Run { customer, plan, signup, rows });
        }
        if days.existing.is_some() {
            for &age in &found.ages[before..] {
                let place = usize::from(age - first_age);
                found.logged.push(logged[place / GROUP] >> (place % GROUP) & 1 == 1);
            }
        }
    }
    found.rows = found.ages.len();
    found.ages.resize(found.rows + LANES, 0);
    found
}

/// A group of ages of one customer.
#[derive(Clone, Copy)]
struct Group {
    customer: u64,
    /// From the window's first day.
    signup: usize,
    /// The first age in [`GROUP`]s.
    number: usize,
}

impl Group {
    #[cold]
    #[inline(never)]
    fn below_exactly(self, data_set: &DataSet, draws: &[u16; GROUP], laws: &PlanLaws, shares: &Shares) -> u64 {
        let ties = self::draws(data_set.round_keys(), self.customer, self.number, Purpose::ActivityTie);
        let first_age = self.number * GROUP;
        (0..GROUP).fold(0, |bits, age| {
            let word = u32::from(draws[age]) << 16 | u32::from(ties[age]);
            let share = shares.exact[self.signup + first_age + age];
            let limit = u64::from(laws.active[first_age + age]) * u64::from(share) / WHOLE;
            bits | u64::from(u64::from(word) < limit) << age
        })
    }
}

/// The draws of a customer's group of ages.
#[inline(always)]
fn draws(keys: &RoundKeys, customer: u64, group: usize, purpose: Purpose) -> [u16; GROUP] {
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
    let mut draws = [0; GROUP];
    for (draw, bytes) in draws.iter_mut().zip(bytes.as_flattened().as_flattened().as_chunks().0) {
        *draw = u16::from_le_bytes(*bytes);
    }
    draws
}

/// A bit an age, the first the lowest: whether the draw is below its threshold times its share. And whether one of them
/// is so near that its upper 16 bits don't settle it.
#[inline(always)]
fn below(draws: &[u16; GROUP], thresholds: &[u16; GROUP], shares: &[u16; GROUP]) -> (u64, bool) {
    let (mut flags, mut ties) = ([0; GROUP], 0);
    for age in 0..GROUP {
        let limit = ((u32::from(thresholds[age]) * u32::from(shares[age])) >> 16) as u16;
        flags[age] = u8::from(draws[age] < limit);
        ties |= u8::from(draws[age].wrapping_sub(limit) <= 2);
    }
    let mut bits = 0;
    for (eighth, flags) in flags.as_chunks().0.iter().enumerate() {
        // Gathers the lowest bit of each byte in the top byte.
        bits |= u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56 << (8 * eighth);
    }
    (bits, ties != 0)
}

/// By eight bits: the places of those that are set, from the first on.
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

/// Adds the age of each bit that is set, from the first on. No branch depends on the bits: eight ages are added at a
/// time, and as many of them kept as there are bits.
#[inline(always)]
fn add_ages(ages: &mut Vec<u16>, first_age: u16, bits: u64) {
    for (eighth, bits) in bits.to_le_bytes().into_iter().enumerate() {
        let mut of_bits = PLACES[usize::from(bits)];
        for age in &mut of_bits {
            *age += first_age + eighth as u16 * 8;
        }
        let kept = ages.len() + bits.count_ones() as usize;
        ages.extend_from_slice(&of_bits);
        ages.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tested = ((u64, bool), Vec<u16>);

    /// By this machine's vector units.
    #[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt"))]
    fn tested(draws: &[u16; GROUP], thresholds: &[u16; GROUP], shares: &[u16; GROUP], bits: u64) -> Tested {
        let mut ages = Vec::new();
        let below = match_target! {
            "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" => {
                avx512::add_ages(&mut ages, 500, bits);
                avx512::below(draws, thresholds, shares)
            },
            _ => {
                add_ages(&mut ages, 500, bits);
                below(draws, thresholds, shares)
            },
        };
        (below, ages)
    }

    #[test]
    fn vector_units_test_and_add_as_plain_code_does() {
        let words = |item| Address { customer: 1, item, purpose: Purpose::Activity }.words(7);
        for item in 0..2_000 {
            let [a, b, c, d] = words(item);
            // Half of the draws lie next to their limit, on either side.
            let shares: [u16; GROUP] = std::array::from_fn(|age| (a >> (age % 16)) as u16);
            let thresholds: [u16; GROUP] = std::array::from_fn(|age| (b >> (age % 13)) as u16);
            let draws: [u16; GROUP] = std::array::from_fn(|age| {
                let limit = ((u32::from(thresholds[age]) * u32::from(shares[age])) >> 16) as u16;
                if item % 2 == 0 {
                    (c >> (age % 16)) as u16
                } else {
                    limit.wrapping_add((age % 6) as u16).wrapping_sub((d % 4) as u16)
                }
            });
            let bits = [0, u64::MAX, u64::from(c) << 32 | u64::from(d), u64::from(a) << 7][item as usize % 4];
            let (of_draws, ages) = tested(&draws, &thresholds, &shares, bits);
            assert_eq!(of_draws, below(&draws, &thresholds, &shares), "{item}");
            let mut plain = Vec::new();
            add_ages(&mut plain, 500, bits);
            assert_eq!(ages, plain, "{item}");
            let expected = (0..GROUP as u16).filter(|age| bits >> age & 1 == 1).map(|age| 500 + age);
            assert!(expected.eq(plain), "{item}");
        }
    }

    #[test]
    fn a_draw_on_its_limit_or_up_to_two_above_is_left_open() {
        let (thresholds, shares) = ([1 << 15; GROUP], [1 << 15; GROUP]);
        let limit = 1 << 14;
        for (draw, is_below, is_open) in
            [(limit - 1, true, false), (limit, false, true), (limit + 2, false, true), (limit + 3, false, false)]
        {
            let mut draws = [u16::MAX; GROUP];
            draws[33] = draw;
            assert_eq!(below(&draws, &thresholds, &shares), (u64::from(is_below) << 33, is_open), "{draw}");
        }
    }
}
