//! The days on which customers were active, and whether the log of each day survived.
//!
//! One 32-bit word decides both. The model gives the threshold of a customer at each age, and the share of each day. A
//! word below their product means that the customer was active. If the word is also below the product times the
//! surviving share, the log also survived. A word below a limit is uniform, so logs are lost independently of each
//! other, at the rate of the day.
//!
//! The upper 16 bits of the word nearly always decide. The upper 16 bits of the exact limit are the product of the
//! 16-bit factors, or 1 or 2 more. So only 3 of 65,536 draws are ties: they get 16 more bits from another address and
//! are compared exactly. An age costs 16 random bits, one multiplication and one comparison of 16 bits.

use super::active_days::{ActiveDays, CustomerRows};
use super::age_group::{AGES_PER_GROUP, add_ages, below, draws};
#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::days::{Shares, UsageDays, WHOLE};
use super::seeded_usage::SeededUsage;
use crate::random::philox::LANES;
use multiversion::{multiversion, target::match_target};
use std::ops::Range;

/// The most ages that memory is prepared for in advance. A block has about as many.
const MAX_PREPARED_AGES: usize = 1 << 16;

/// The customers of a block, with the thresholds that their activity is drawn by.
///
/// The methods run within [`active_days`], so they should be inlined: they are compiled for its vector units then.
pub trait Customers {
    /// Returns the number of customers.
    fn count(&self) -> usize;

    /// Selects the customer at `index`, if the customer has a day of service in `days`, which are counted from the
    /// window's first day and at least one.
    fn select(&mut self, index: usize, days: &Range<u32>) -> Option<Customer>;

    /// Returns the upper 16 bits of the thresholds of the selected customer, by age in days.
    ///
    /// They end with a whole group of ages. Thresholds from [`Customer::end_age`] to the end of its group are 0, or the
    /// days are not asked for.
    fn thresholds(&self) -> &[u16];

    /// Returns all bits of the threshold of the selected customer at `age`.
    fn exact_threshold(&self, age: usize) -> u32;
}

/// A customer of a block.
#[derive(Debug, Clone, Copy)]
pub struct Customer {
    /// The customer's id.
    pub id: u64,
    /// See [`CustomerRows::class`].
    pub class: u8,
    /// The signup day, counted from the window's first day.
    pub signup: u32,
    /// The age on the day after the last day of service, or after the last day that is asked for.
    pub end_age: u32,
}

/// Returns the active days of `customers`.
///
/// The function is compiled for several levels of vector units, and the program selects one at run time. All arithmetic
/// is on whole numbers, so every level gives the same values. The loops contain no closures and no array maps, because
/// those would not be compiled for the level.
///
/// Each step runs for all groups of a customer before the next step starts: selecting, drawing, testing, appending. In
/// such short loops the processor works on several iterations at once.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub fn active_days<C: Customers>(seeded: &SeededUsage, days: &UsageDays, customers: &mut C) -> ActiveDays {
    let (keys, purposes) = (*seeded.keys, seeded.purposes);
    let count = customers.count();
    let mut found = ActiveDays { customers: Vec::with_capacity(count), ..ActiveDays::default() };
    let mut ages = vec![0; MAX_PREPARED_AGES.min(count * 48)];
    let max_groups = (seeded.window.days as usize).div_ceil(AGES_PER_GROUP);
    let mut draws = vec![[0; AGES_PER_GROUP]; max_groups];
    let (mut logged, mut existing) = (vec![0; max_groups], vec![0; max_groups]);
    // Without days, no customer has any.
    let count = if days.asked.is_empty() { 0 } else { count };
    for index in 0..count {
        let Some(customer) = customers.select(index, &days.asked) else { continue };
        let signup = customer.signup as usize;
        let first_group = (days.asked.start as usize).saturating_sub(signup) / AGES_PER_GROUP;
        let groups = (customer.end_age as usize).div_ceil(AGES_PER_GROUP) - first_group;
        let draws = &mut draws[..groups];
        for (number, draws) in (first_group..).zip(&mut *draws) {
            *draws = match_target! {
                "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" =>
                    avx512::draws(&keys, customer.id, number, purposes.activity),
                _ => self::draws(&keys, customer.id, number, purposes.activity),
            };
        }
        let thresholds = &customers.thresholds()[first_group * AGES_PER_GROUP..].as_chunks().0[..groups];
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
                    below_exactly(seeded, draws, customers, customer, first_group + place, shares)
                } else {
                    below
                };
            }
        }
        let enough = found.rows + groups * AGES_PER_GROUP;
        if ages.len() < enough {
            ages.resize(enough + MAX_PREPARED_AGES, 0);
        }
        let own = &mut ages[found.rows..enough];
        let mut rows = 0;
        let first_age = (first_group * AGES_PER_GROUP) as u16;
        let active = if days.existing.is_some() { &existing } else { &logged };
        for (place, &bits) in active[..groups].iter().enumerate() {
            let first_age = first_age + (place * AGES_PER_GROUP) as u16;
            rows = match_target! {
                "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" =>
                    avx512::add_ages(own, rows, first_age, bits),
                _ => add_ages(own, rows, first_age, bits),
            };
        }
        if rows > 0 {
            let Customer { id, class, signup, .. } = customer;
            found.customers.push(CustomerRows { id, class, signup, rows });
        }
        if days.existing.is_some() {
            for &age in &own[..rows] {
                let place = usize::from(age - first_age);
                found.logged.push(logged[place / AGES_PER_GROUP] >> (place % AGES_PER_GROUP) & 1 == 1);
            }
        }
        found.rows += rows;
    }
    ages.resize(found.rows + LANES, 0);
    ActiveDays { ages, ..found }
}

/// Tests the draws of a group of the selected customer like [`below`], with all 32 bits.
#[cold]
#[inline(never)]
fn below_exactly<C: Customers>(
    seeded: &SeededUsage,
    draws: &[u16; AGES_PER_GROUP],
    customers: &C,
    customer: Customer,
    group: usize,
    shares: &Shares,
) -> u64 {
    let ties = self::draws(seeded.keys, customer.id, group, seeded.purposes.activity_tie);
    let first_age = group * AGES_PER_GROUP;
    (0..AGES_PER_GROUP).fold(0, |bits, place| {
        let age = first_age + place;
        let word = u32::from(draws[place]) << 16 | u32::from(ties[place]);
        let share = shares.exact[customer.signup as usize + age];
        let limit = u64::from(customers.exact_threshold(age)) * u64::from(share) / WHOLE;
        bits | u64::from(u64::from(word) < limit) << place
    })
}
