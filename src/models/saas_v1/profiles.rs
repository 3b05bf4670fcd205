//! The profile of a customer, which every table needs: signup day, plan and region.

use super::seeded_laws::SeededLaws;
use crate::models::saas_v1::purposes;
use crate::random::philox::LANES;
use crate::random::{Address, uniform};
use multiversion::multiversion;
use std::ops::Range;

/// The profiles of consecutive customers, by column.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    /// The signup day, counted from the window's first day.
    pub signup: Vec<u32>,
    /// Index into the model's plans.
    pub plan: Vec<u8>,
    /// Index into the model's regions.
    pub region: Vec<u8>,
}

impl Profiles {
    /// Returns the profiles of the customers with the given ids.
    pub fn of(seeded: &SeededLaws, ids: Range<u64>) -> Self {
        profiles(seeded, ids)
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn profiles(seeded: &SeededLaws, ids: Range<u64>) -> Profiles {
    let days = seeded.window().days;
    let (plans, regions) = (seeded.laws().plan.sampler(), seeded.laws().region.sampler());
    let count = (ids.end - ids.start) as usize;
    // Whole lanes are computed, then truncated.
    let whole_lanes = count.next_multiple_of(LANES);
    let (mut signup, mut plan, mut region) = (vec![0; whole_lanes], vec![0; whole_lanes], vec![0; whole_lanes]);
    let lanes = signup.chunks_exact_mut(LANES).zip(plan.chunks_exact_mut(LANES)).zip(region.chunks_exact_mut(LANES));
    for (((signup, plan), region), first) in lanes.zip(ids.step_by(LANES)) {
        let mut customers = [0; LANES];
        for (lane, customer) in customers.iter_mut().enumerate() {
            *customer = first + lane as u64;
        }
        let words = Address::words_of_lanes(seeded.round_keys(), customers, [0; LANES], purposes::PROFILE);
        for lane in 0..LANES {
            signup[lane] = uniform(words[0][lane], days);
        }
        for lane in 0..LANES {
            plan[lane] = plans.index(words[1][lane]) as u8;
            region[lane] = regions.index(words[2][lane]) as u8;
        }
    }
    signup.truncate(count);
    plan.truncate(count);
    region.truncate(count);
    Profiles { signup, plan, region }
}
