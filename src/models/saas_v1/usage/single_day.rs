//! The customers who were active on a single calendar day, for eight customers at a time.
//!
//! The rows are the same as those of [`usage_kernel::active_days`](crate::models::usage_kernel::active_days), which always
//! draws a whole group of 64 ages. This kernel makes only the one draw of each customer that the day needs.

use crate::models::saas_v1::profiles::Profiles;
use crate::models::saas_v1::purposes;
use crate::models::saas_v1::seeded_laws::SeededLaws;
use crate::models::usage_kernel::{AGES_PER_GROUP, ActiveDays, CustomerRows, UsageDays, WHOLE};
use crate::random::Address;
use crate::random::philox::LANES;
use multiversion::multiversion;
use std::ops::Range;

/// The position of an age's draw in the layout of [a group of ages](crate::models::usage_kernel::AGES_PER_GROUP).
#[derive(Clone, Copy)]
struct DrawPosition {
    item: u32,
    word: usize,
    shift: usize,
}

impl DrawPosition {
    fn new(age: usize) -> Self {
        let (group, age) = (age / AGES_PER_GROUP, age % AGES_PER_GROUP);
        let lane = age % (AGES_PER_GROUP / 2) / 4;
        Self {
            item: (group * LANES + lane) as u32,
            word: age / (AGES_PER_GROUP / 2) * 2 + age % 4 / 2,
            shift: age % 2 * 16,
        }
    }

    /// Returns the draw. `word` gives the words at the address of the draw.
    fn draw(self, word: impl Fn(usize) -> u32) -> u16 {
        (word(self.word) >> self.shift) as u16
    }
}

/// Returns the active days of the customers in `ids`, like [`usage_kernel::active_days`](crate::models::usage_kernel::active_days).
///
/// `days` must ask for one day of `usage_daily`.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn active_customers(seeded: &SeededLaws, days: &UsageDays, ids: Range<u64>) -> ActiveDays {
    let day = days.asked.start;
    let profiles = Profiles::of(seeded, ids.clone());
    let mut found = ActiveDays::default();
    let surviving = u32::from(days.surviving.upper[day as usize]);
    let count = profiles.signup.len();
    for (first, start) in ids.step_by(LANES).zip((0..count).step_by(LANES)) {
        let lanes = (count - start).min(LANES);
        let (signups, plans) = (&profiles.signup[start..start + lanes], &profiles.plan[start..start + lanes]);
        let (mut customers, mut ages, mut items) = ([0; LANES], [0; LANES], [0; LANES]);
        for lane in 0..lanes {
            customers[lane] = first + lane as u64;
            // Customers who sign up later get a draw that nobody reads.
            ages[lane] = day.saturating_sub(signups[lane]) as usize;
            items[lane] = u64::from(DrawPosition::new(ages[lane]).item);
        }
        let words = Address::words_of_lanes(seeded.round_keys(), customers, items, purposes::ACTIVITY);
        // Few customers are active. So branches depend on draws and signup days only for active customers and ties.
        let (mut active, mut ties) = (0_u32, 0_u32);
        for lane in 0..lanes {
            let thresholds = &seeded.laws().plans[usize::from(plans[lane])].active_upper;
            let limit = ((u32::from(thresholds[ages[lane]]) * surviving) >> 16) as u16;
            let draw = DrawPosition::new(ages[lane]).draw(|word| words[word][lane]);
            let has_signed_up = signups[lane] <= day;
            active |= u32::from(has_signed_up & (draw < limit)) << lane;
            ties |= u32::from(has_signed_up & (draw.wrapping_sub(limit) <= 2)) << lane;
        }
        for lane in set_bits(ties) {
            let (laws, position) = (&seeded.laws().plans[usize::from(plans[lane])], DrawPosition::new(ages[lane]));
            let limit = u64::from(laws.active[ages[lane]]) * u64::from(days.surviving.exact[day as usize]) / WHOLE;
            let word = exact_word(seeded, customers[lane], position, position.draw(|word| words[word][lane]));
            active |= u32::from(word < limit) << lane;
        }
        for lane in set_bits(active) {
            found.customers.push(CustomerRows {
                id: customers[lane],
                class: plans[lane],
                signup: signups[lane],
                rows: 1,
            });
            found.ages.push(ages[lane] as u16);
        }
    }
    found.rows = found.ages.len();
    found.ages.resize(found.rows + LANES, 0);
    found
}

/// Returns the positions of the bits that are set.
fn set_bits(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let position = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (position < LANES).then_some(position)
    })
}

/// Returns the 32-bit word of a draw: its 16 bits, and 16 more from the address for ties.
#[cold]
fn exact_word(seeded: &SeededLaws, customer: u64, position: DrawPosition, draw: u16) -> u64 {
    let address = Address { customer, item: position.item, purpose: purposes::ACTIVITY_TIE };
    u64::from(draw) << 16 | u64::from(position.draw(|word| address.words(seeded.seed())[word]))
}

#[cfg(test)]
mod tests {
    use super::super::PlanCustomers;
    use super::*;
    use crate::models::usage_kernel::{UsageModel, active_days};

    /// Compares eighteen million draws. About 800 of them are ties.
    #[test]
    fn both_kernels_give_the_same_rows_for_a_day() {
        let seeded = SeededLaws::of_overlay("", 42);
        let window = seeded.window();
        for day in (0..window.days).step_by(13).chain([window.days - 1]) {
            let date = window.first + day as i32;
            let days = seeded.logged_days(&(date..date + 1));
            for ids in [1..400_001, 7..8, 60_000..60_001, 3..3] {
                let found = active_customers(&seeded, &days, ids.clone());
                let mut customers = PlanCustomers::new(&seeded, ids.clone());
                let expected = active_days(&seeded.usage(), &days, &mut customers);
                assert_eq!(found.customers, expected.customers, "{day} {ids:?}");
                assert_eq!(found.ages[..found.rows], expected.ages[..expected.rows], "{day} {ids:?}");
            }
        }
    }
}
