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

use super::days::{Shares, UsageDays, WHOLE};
use crate::random::philox::LANES;
use crate::random::{Address, Purpose};
use crate::tables::DataSet;
use crate::tables::laws::PlanLaws;
use crate::tables::profiles::Profiles;
use multiversion::multiversion;
use std::ops::Range;

/// Ages tested together.
pub(in crate::tables) const GROUP: usize = 8 * LANES;

/// What a group's rows may take of `ages`, of which eight are written at a time.
const ROOM: usize = GROUP + 8;

/// Rows that there is room for before the first is found: a block's, about.
const MOST_ROWS_AT_FIRST: usize = 1 << 16;

/// By age of a group: 1 or 0.
type Flags = [u8; GROUP];

/// The active days of one customer, as they follow each other in the block's `ages`.
pub(super) struct Run {
    pub customer: u64,
    pub plan: u8,
    pub signup: u32,
    pub rows: usize,
}

/// The active days of a block of customers.
#[derive(Default)]
pub(super) struct ActiveDays {
    pub runs: Vec<Run>,
    pub rows: usize,
    /// Age in days of each row; then at least [`LANES`] more entries, of no meaning.
    pub ages: Vec<u16>,
    /// Whether the log survived; empty unless the truth is asked for.
    pub logged: Vec<bool>,
}

/// Compiled for each level of vector units and chosen at run time. The source is the same and all of its arithmetic is
/// on whole numbers, so the values are too. Loops are plain: closures and array maps are not compiled for the level.
///
/// All groups of a customer are tested before the first is added, so that the processor mixes the bits of several at a
/// time: 2.5 ns a row (one core of an AMD EPYC 9004), and 3.6 group by group.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn active_days(data_set: &DataSet, days: &UsageDays, ids: Range<u64>) -> ActiveDays {
    let window_days = data_set.model().window().days;
    let profiles = Profiles::of(data_set, ids.clone());
    let mut found = ActiveDays {
        runs: Vec::with_capacity(profiles.plan.len()),
        ages: vec![0; MOST_ROWS_AT_FIRST.min(profiles.plan.len() * 48) + ROOM],
        ..ActiveDays::default()
    };
    let most_groups = (window_days as usize).div_ceil(GROUP);
    let (mut logged, mut existing) = (vec![[0; GROUP]; most_groups], vec![[0; GROUP]; most_groups]);
    for ((customer, plan), signup) in ids.zip(profiles.plan).zip(profiles.signup) {
        if signup >= days.asked.end {
            continue;
        }
        let laws = &data_set.laws().plans[usize::from(plan)];
        let first_group = days.asked.start.saturating_sub(signup) as usize / GROUP;
        let groups = ((days.asked.end - signup) as usize).div_ceil(GROUP) - first_group;
        for place in 0..groups {
            let number = first_group + place;
            let group = Group { seed: data_set.seed(), customer, signup: signup as usize, number };
            let draws = group.draws(Purpose::Activity);
            group.below(&draws, laws, &days.surviving, &mut logged[place]);
            if let Some(shares) = &days.existing {
                group.below(&draws, laws, shares, &mut existing[place]);
            }
        }
        let before = found.rows;
        let first_age = (first_group * GROUP) as u16;
        let active = if days.existing.is_some() { &existing } else { &logged };
        for (place, flags) in active[..groups].iter().enumerate() {
            found.append(first_age + (place * GROUP) as u16, flags);
        }
        if found.rows > before {
            found.runs.push(Run { customer, plan, signup, rows: found.rows - before });
        }
        if days.existing.is_some() {
            let logged = logged.as_flattened();
            for &age in &found.ages[before..found.rows] {
                found.logged.push(logged[usize::from(age - first_age)] == 1);
            }
        }
    }
    found.ages.resize(found.rows + LANES, 0);
    found
}

/// A group of ages of one customer.
struct Group {
    seed: u64,
    customer: u64,
    /// From the window's first day.
    signup: usize,
    /// The first age in [`GROUP`]s.
    number: usize,
}

impl Group {
    #[inline(always)]
    fn draws(&self, purpose: Purpose) -> [u16; GROUP] {
        let mut items = [0; LANES];
        for (lane, item) in items.iter_mut().enumerate() {
            *item = (self.number * LANES + lane) as u64;
        }
        let [a, b, c, d] = Address::mixed_lanes(self.seed, [self.customer; LANES], items, purpose);
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

    /// Sets `flags` to whether each word is below the threshold of its age times the share of its day.
    #[inline(always)]
    fn below(&self, draws: &[u16; GROUP], laws: &PlanLaws, shares: &Shares, flags: &mut Flags) {
        let first_age = self.number * GROUP;
        let (thresholds, shares_of_days) =
            (&laws.active_upper[first_age..][..GROUP], &shares.upper[self.signup + first_age..][..GROUP]);
        let mut ties = 0;
        for age in 0..GROUP {
            let limit = ((u32::from(thresholds[age]) * u32::from(shares_of_days[age])) >> 16) as u16;
            flags[age] = u8::from(draws[age] < limit);
            ties |= u8::from(draws[age].wrapping_sub(limit) <= 2);
        }
        if ties != 0 {
            *flags = self.below_exactly(draws, laws, shares);
        }
    }

    #[cold]
    #[inline(never)]
    fn below_exactly(&self, draws: &[u16; GROUP], laws: &PlanLaws, shares: &Shares) -> Flags {
        let ties = self.draws(Purpose::ActivityTie);
        let first_age = self.number * GROUP;
        std::array::from_fn(|age| {
            let word = u32::from(draws[age]) << 16 | u32::from(ties[age]);
            let share = shares.exact[self.signup + first_age + age];
            let limit = u64::from(laws.active[first_age + age]) * u64::from(share) / WHOLE;
            u8::from(u64::from(word) < limit)
        })
    }
}

/// By eight flags, a bit each: the places of those that are set, from the first on.
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

impl ActiveDays {
    /// Adds a row for each flag that is set. No branch depends on the flags: eight ages are written at a time, as many
    /// of them kept as there are flags, and the rest written over.
    #[inline(always)]
    fn append(&mut self, first_age: u16, flags: &Flags) {
        if self.ages.len() < self.rows + ROOM {
            self.ages.resize((self.rows + ROOM) * 2, 0);
        }
        let slots = &mut self.ages[self.rows..][..ROOM];
        let mut count = 0;
        for (eighth, flags) in flags.as_chunks::<8>().0.iter().enumerate() {
            let flags = u64::from_le_bytes(*flags);
            // Gathers the lowest bit of each byte in the top byte.
            let bits = flags.wrapping_mul(0x0102_0408_1020_4080) >> 56;
            let mut ages = PLACES[bits as usize];
            for age in &mut ages {
                *age += first_age + eighth as u16 * 8;
            }
            slots[count..count + 8].copy_from_slice(&ages);
            count += flags.count_ones() as usize;
        }
        self.rows += count;
    }
}
