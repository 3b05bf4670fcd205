//! The active customers of one calendar day: eight customers at a time, of each just the draw of that day.
//!
//! [`super::activity`] is the reference: the rows are the same. It makes the 64 draws of a group of ages where one is
//! asked for, which is most of what reading a day took.

use super::activity::{ActiveDays, GROUP, Run};
use super::days::{UsageDays, WHOLE};
use crate::random::philox::LANES;
use crate::random::{Address, Purpose};
use crate::tables::DataSet;
use crate::tables::profiles::Profiles;
use multiversion::multiversion;
use std::ops::Range;

/// The draw of an age within its customer's, as [`super::activity`] lays them out.
#[derive(Clone, Copy)]
struct Place {
    item: u32,
    word: usize,
    shift: usize,
}

impl Place {
    fn of(age: usize) -> Self {
        let (group, age) = (age / GROUP, age % GROUP);
        let lane = age % (GROUP / 2) / 4;
        Self { item: (group * LANES + lane) as u32, word: age / (GROUP / 2) * 2 + age % 4 / 2, shift: age % 2 * 16 }
    }

    /// Of the words of its address.
    fn draw(self, word: impl Fn(usize) -> u32) -> u16 {
        (word(self.word) >> self.shift) as u16
    }
}

/// As [`super::activity::active_days`], where `days` asks for one and not for the truth.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn active_customers(data_set: &DataSet, days: &UsageDays, ids: Range<u64>) -> ActiveDays {
    let day = days.asked.start;
    let profiles = Profiles::of(data_set, ids.clone());
    let mut found = ActiveDays::default();
    let surviving = u32::from(days.surviving.upper[day as usize]);
    let count = profiles.signup.len();
    for (first, start) in ids.step_by(LANES).zip((0..count).step_by(LANES)) {
        let lanes = (count - start).min(LANES);
        let (signups, plans) = (&profiles.signup[start..start + lanes], &profiles.plan[start..start + lanes]);
        let (mut customers, mut ages, mut items) = ([0; LANES], [0; LANES], [0; LANES]);
        for lane in 0..lanes {
            customers[lane] = first + lane as u64;
            // Who hasn't signed up yet is drawn for nothing.
            ages[lane] = day.saturating_sub(signups[lane]) as usize;
            items[lane] = u64::from(Place::of(ages[lane]).item);
        }
        let words = Address::words_of_lanes(data_set.round_keys(), customers, items, Purpose::Activity);
        // Few are active: no branch depends on a draw, nor on who has signed up, but for those few and for ties.
        let (mut active, mut ties) = (0_u32, 0_u32);
        for lane in 0..lanes {
            let thresholds = &data_set.laws().plans[usize::from(plans[lane])].active_upper;
            let limit = ((u32::from(thresholds[ages[lane]]) * surviving) >> 16) as u16;
            let draw = Place::of(ages[lane]).draw(|word| words[word][lane]);
            let is_there = signups[lane] <= day;
            active |= u32::from(is_there & (draw < limit)) << lane;
            ties |= u32::from(is_there & (draw.wrapping_sub(limit) <= 2)) << lane;
        }
        for lane in ones(ties) {
            let (laws, place) = (&data_set.laws().plans[usize::from(plans[lane])], Place::of(ages[lane]));
            let limit = u64::from(laws.active[ages[lane]]) * u64::from(days.surviving.exact[day as usize]) / WHOLE;
            let word = exact_word(data_set, customers[lane], place, place.draw(|word| words[word][lane]));
            active |= u32::from(word < limit) << lane;
        }
        for lane in ones(active) {
            found.runs.push(Run { customer: customers[lane], plan: plans[lane], signup: signups[lane], rows: 1 });
            found.ages.push(ages[lane] as u16);
        }
    }
    found.rows = found.ages.len();
    found.ages.resize(found.rows + LANES, 0);
    found
}

/// The places of the bits that are set.
fn ones(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (place < LANES).then_some(place)
    })
}

/// A draw with its lower half.
#[cold]
fn exact_word(data_set: &DataSet, customer: u64, place: Place, draw: u16) -> u64 {
    let address = Address { customer, item: place.item, purpose: Purpose::ActivityTie };
    u64::from(draw) << 16 | u64::from(place.draw(|word| address.words(data_set.seed())[word]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::tables::Laws;
    use crate::tables::usage::activity::active_days;
    use std::sync::Arc;

    /// Eighteen million draws, of which some 800 are on their limit, or one or two above it.
    #[test]
    fn a_day_alone_has_the_customers_that_it_has_among_others() {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 400_000).unwrap();
        let window = data_set.model().window();
        for day in (0..window.days).step_by(13).chain([window.days - 1]) {
            let date = window.first + day as i32;
            let days = UsageDays::logged(&data_set, &(date..date + 1));
            for ids in [1..400_001, 7..8, 60_000..60_001, 3..3] {
                let [found, expected] = [active_customers, active_days].map(|of| of(&data_set, &days, ids.clone()));
                let rows = |active: &ActiveDays| {
                    let runs = active.runs.iter().map(|run| (run.customer, run.plan, run.signup, run.rows));
                    (runs.collect::<Vec<_>>(), active.ages.clone(), active.rows, active.logged.clone())
                };
                assert_eq!(rows(&found), rows(&expected), "{day} {ids:?}");
            }
        }
    }
}
