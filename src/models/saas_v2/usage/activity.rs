//! The days on which customers were active, and whether the log of each day survived.
//!
//! One 32-bit word decides both. The chance to be active is the chance of the customer's cycle times the factor of the
//! day. A word below it means that the customer was active. A word below it times the surviving share means that the log
//! also survived.
//!
//! The upper 16 bits of the word nearly always decide. The upper 16 bits of the exact limit are the product of the
//! 16-bit factors, or 1 or 2 more. So only 3 of 65,536 draws are ties: they get 16 more bits from another address and
//! are compared exactly. An age costs 16 random bits, one multiplication and one comparison of 16 bits.
//!
//! Ages are tested in groups of 64. A group takes eight counters with eight draws each, in the order in which vector
//! units hold them:
//!
//! ```text
//!                  lane 0        lane 1      …  lane 7
//!     words 0, 1:  age  0 …  3   age  4 …  7    age 28 … 31     item of the address = 8 x group + lane
//!     words 2, 3:  age 32 … 35   age 36 … 39    age 60 … 63     two ages in a word, the first in the lower half
//! ```

use super::super::laws::{AGES_PER_GROUP, Chance, UsageTables};
use super::super::profiles::{Profile, add_profiles};
use super::super::purposes;
use super::super::seeded_laws::SeededLaws;
use super::super::timeline::CycleStates;
use super::active_days::{ActiveDays, CustomerRows};
#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::days::{Shares, UsageDays, WHOLE};
use crate::random::philox::{LANES, RoundKeys};
use crate::random::{Address, Purpose};
use multiversion::{multiversion, target::match_target};
use std::ops::Range;

/// The most rows that memory is reserved for in advance. A block has about as many.
const MAX_RESERVED_ROWS: usize = 1 << 16;

/// The number of ages that are filled at once. No cycle has more days.
const CYCLE_DAYS: usize = 32;

/// Returns the active days of the customers in `ids`.
///
/// The function is compiled for several levels of vector units, and the program selects one at run time. All arithmetic
/// is on whole numbers, so every level gives the same values. The loops contain no closures and no array maps, because
/// those would not be compiled for the level.
///
/// Each step runs for all groups of a customer before the next step starts: cycles, thresholds, drawing, testing,
/// appending. In such short loops the processor works on several iterations at once.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn active_days(seeded: &SeededLaws, days: &UsageDays, ids: Range<u64>) -> ActiveDays {
    let window_days = seeded.laws().cycles.days() as usize;
    let mut profiles = Vec::with_capacity((ids.end - ids.start) as usize);
    add_profiles(seeded, ids, &mut profiles);
    let keys = *seeded.round_keys();
    let mut found = ActiveDays {
        customers: Vec::with_capacity(profiles.len()),
        ages: Vec::with_capacity(MAX_RESERVED_ROWS.min(profiles.len() * 48) + AGES_PER_GROUP),
        ..ActiveDays::default()
    };
    let max_groups = window_days.div_ceil(AGES_PER_GROUP);
    let mut draws = vec![[0; AGES_PER_GROUP]; max_groups];
    let (mut logged, mut existing) = (vec![0; max_groups], vec![0; max_groups]);
    let mut thresholds = vec![0; window_days + 2 * AGES_PER_GROUP];
    let mut states = CycleStates::default();
    for profile in &profiles {
        if profile.signup >= days.asked.end {
            continue;
        }
        states.fill(seeded, &keys, profile, days.asked.end);
        let signup = profile.signup as usize;
        let first_group = (days.asked.start as usize).saturating_sub(signup) / AGES_PER_GROUP;
        let end_age = states.end_age().min(days.asked.end - profile.signup) as usize;
        let groups = end_age.div_ceil(AGES_PER_GROUP).saturating_sub(first_group);
        if groups == 0 {
            continue;
        }
        let chances = &seeded.laws().plans[usize::from(profile.plan)].active[usize::from(profile.intensity)];
        for (first_age, engagement) in states.cycles() {
            let upper = (chances[usize::from(engagement)].threshold >> 16) as u16;
            thresholds[usize::from(first_age)..][..CYCLE_DAYS].fill(upper);
        }
        thresholds[end_age..][..AGES_PER_GROUP].fill(0);
        let draws = &mut draws[..groups];
        for (number, draws) in (first_group..).zip(&mut *draws) {
            *draws = match_target! {
                "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" =>
                    avx512::draws(&keys, profile.id, number),
                _ => self::draws(&keys, profile.id, number, purposes::ACTIVITY),
            };
        }
        let thresholds = &thresholds[first_group * AGES_PER_GROUP..].as_chunks().0[..groups];
        for (bits, shares) in [(&mut logged, Some(&days.surviving)), (&mut existing, days.existing.as_ref())] {
            let Some(shares) = shares else { continue };
            let shares_of_days = &shares.upper[signup + first_group * AGES_PER_GROUP..].as_chunks().0[..groups];
            let of_groups = draws.iter().zip(thresholds).zip(shares_of_days).zip(bits).enumerate();
            for (place, (((draws, thresholds), shares_of_days), bits)) in of_groups {
                let (below, has_ties) = match_target! {
                    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" =>
                        avx512::below(draws, thresholds, shares_of_days),
                    _ => below(draws, thresholds, shares_of_days),
                };
                *bits = if has_ties {
                    let group = Group { profile, number: first_group + place, end_age };
                    group.below_exactly(seeded, draws, &states, chances, shares)
                } else {
                    below
                };
            }
        }
        let before = found.ages.len();
        let first_age = (first_group * AGES_PER_GROUP) as u16;
        let active = if days.existing.is_some() { &existing } else { &logged };
        for (place, &bits) in active[..groups].iter().enumerate() {
            let first_age = first_age + (place * AGES_PER_GROUP) as u16;
            match_target! {
                "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" =>
                    avx512::add_ages(&mut found.ages, first_age, bits),
                _ => add_ages(&mut found.ages, first_age, bits),
            }
        }
        let rows = found.ages.len() - before;
        if rows > 0 {
            let (id, plan, class) = (profile.id, profile.plan, UsageTables::class(profile.plan, profile.intensity));
            found.customers.push(CustomerRows { id, plan, class, signup: profile.signup, rows });
        }
        if days.existing.is_some() {
            for &age in &found.ages[before..] {
                let place = usize::from(age - first_age);
                found.logged.push(logged[place / AGES_PER_GROUP] >> (place % AGES_PER_GROUP) & 1 == 1);
            }
        }
    }
    found.rows = found.ages.len();
    found.ages.resize(found.rows + LANES, 0);
    found
}

/// A group of ages of one customer.
#[derive(Clone, Copy)]
struct Group<'a> {
    profile: &'a Profile,
    /// The number of the group: its first age divided by [`AGES_PER_GROUP`].
    number: usize,
    /// The age on the day after the last day of service.
    end_age: usize,
}

impl Group<'_> {
    /// Tests the draws like [`below`], with all 32 bits.
    #[cold]
    #[inline(never)]
    fn below_exactly(
        self,
        seeded: &SeededLaws,
        draws: &[u16; AGES_PER_GROUP],
        states: &CycleStates,
        chances: &[Chance],
        shares: &Shares,
    ) -> u64 {
        let ties = self::draws(seeded.round_keys(), self.profile.id, self.number, purposes::ACTIVITY_TIE);
        let first_age = self.number * AGES_PER_GROUP;
        let end = self.end_age.saturating_sub(first_age).min(AGES_PER_GROUP);
        (0..end).fold(0, |bits, place| {
            let age = first_age + place;
            let word = u32::from(draws[place]) << 16 | u32::from(ties[place]);
            let threshold = chances[usize::from(states.engagement_at(age))].threshold;
            let share = shares.exact[self.profile.signup as usize + age];
            bits | u64::from(u64::from(word) < u64::from(threshold) * u64::from(share) / WHOLE) << place
        })
    }
}

/// Returns the draws of a customer's group of ages.
#[inline(always)]
fn draws(keys: &RoundKeys, customer: u64, group: usize, purpose: Purpose) -> [u16; AGES_PER_GROUP] {
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
fn below(
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

/// Appends the age of each bit that is set, in ascending order.
///
/// No branch depends on the bits. Eight ages are appended at a time, and then truncated to the number of set bits.
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

    /// Uses the vector units of this machine.
    #[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt"))]
    fn tested(
        draws: &[u16; AGES_PER_GROUP],
        thresholds: &[u16; AGES_PER_GROUP],
        shares: &[u16; AGES_PER_GROUP],
        bits: u64,
    ) -> Tested {
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
    fn vector_units_and_plain_code_agree() {
        let words = |item| Address { customer: 1, item, purpose: purposes::ACTIVITY }.words(7);
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
            let mut plain = Vec::new();
            add_ages(&mut plain, 500, bits);
            assert_eq!(ages, plain, "{item}");
            let expected = (0..AGES_PER_GROUP as u16).filter(|age| bits >> age & 1 == 1).map(|age| 500 + age);
            assert!(expected.eq(plain), "{item}");
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
