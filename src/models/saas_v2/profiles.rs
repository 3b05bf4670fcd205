//! The profile of a customer, which every table needs: what is drawn once.

use super::laws::Laws;
use super::purposes;
use super::seeded_laws::SeededLaws;
use crate::random::Address;
use crate::random::philox::LANES;
use multiversion::multiversion;
use std::ops::Range;

/// What is drawn once for a customer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Profile {
    /// The customer's id.
    pub id: u64,
    /// The signup day, counted from the window's first day.
    pub signup: u32,
    /// Index of the plan at signup.
    pub plan: u8,
    /// Index of the region.
    pub region: u8,
    /// Index of the channel.
    pub channel: u8,
    /// Whether the terms at signup are annual.
    pub is_annual: bool,
    /// Class of frailty.
    pub frailty: u8,
    /// Class of intensity.
    pub intensity: u8,
    /// Rung of the ladder of seats at signup.
    pub rung: u8,
}

/// The number of bits of a word that are not the index of a class.
const CLASS_SHIFT: u32 = 29;

impl Profile {
    /// Returns the profile of a customer.
    pub fn of(seeded: &SeededLaws, id: u64) -> Self {
        let words = |purpose| Address { customer: id, item: 0, purpose }.words(seeded.seed());
        Self::from_words(seeded.laws(), id, words(purposes::SIGNUP), words(purposes::TRAITS))
    }

    #[inline(always)]
    fn from_words(laws: &Laws, id: u64, signup: [u32; 4], traits: [u32; 4]) -> Self {
        let plan = laws.plan.index(signup[1]) as u8;
        let own = &laws.plans[usize::from(plan)];
        let intensity = (traits[2] >> CLASS_SHIFT) as u8;
        let noise = laws.seat_noise.value(traits[3]) - 1;
        let rung = own.rung + laws.rungs_of_intensity[usize::from(intensity)] + noise;
        Self {
            id,
            signup: laws.signup.index(signup[0]),
            plan,
            region: laws.region.index(signup[2]) as u8,
            channel: laws.channel.index(signup[3]) as u8,
            is_annual: traits[0] < own.annual.threshold,
            frailty: (traits[1] >> CLASS_SHIFT) as u8,
            intensity,
            rung: rung.clamp(0, laws.ladder.len() as i32 - 1) as u8,
        }
    }
}

/// Returns the profiles of the customers in `ids`. Their words are drawn for eight customers at a time.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn profiles(seeded: &SeededLaws, ids: Range<u64>) -> Vec<Profile> {
    let mut profiles = Vec::with_capacity((ids.end - ids.start) as usize);
    let laws = seeded.laws();
    let keys = *seeded.round_keys();
    let mut first = ids.start;
    while first < ids.end {
        let mut customers = [0; LANES];
        for (lane, customer) in customers.iter_mut().enumerate() {
            *customer = first + lane as u64;
        }
        let signup = Address::words_of_lanes(&keys, customers, [0; LANES], purposes::SIGNUP);
        let traits = Address::words_of_lanes(&keys, customers, [0; LANES], purposes::TRAITS);
        let count = (ids.end - first).min(LANES as u64) as usize;
        for lane in 0..count {
            let signup = [signup[0][lane], signup[1][lane], signup[2][lane], signup[3][lane]];
            let traits = [traits[0][lane], traits[1][lane], traits[2][lane], traits[3][lane]];
            profiles.push(Profile::from_words(laws, customers[lane], signup, traits));
        }
        first += LANES as u64;
    }
    profiles
}
