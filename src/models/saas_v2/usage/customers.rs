//! The customers of a block, whose activity follows their cycles.

use super::super::laws::{Chance, usage_class};
use super::super::parameters::STATES;
use super::super::profiles::{Profile, profiles};
use super::super::seeded_laws::SeededLaws;
use super::super::timeline::CycleStates;
use crate::models::usage_kernel::{AGES_PER_GROUP, Customer, Customers};
use crate::random::philox::RoundKeys;
use std::ops::Range;

/// The number of ages that are filled at once. No cycle has more days.
const CYCLE_DAYS: usize = 32;

/// The customers of a block. Their class is their plan and class of intensity.
pub(super) struct CycleCustomers<'a> {
    seeded: &'a SeededLaws,
    keys: RoundKeys,
    profiles: Vec<Profile>,
    /// The index of the selected customer.
    selected: usize,
    /// The cycles of the selected customer.
    states: CycleStates,
    /// The upper 16 bits of the thresholds of the selected customer, by age in days.
    thresholds: Vec<u16>,
    /// See [`Customer::end_age`].
    end_age: u32,
}

impl<'a> CycleCustomers<'a> {
    pub fn new(seeded: &'a SeededLaws, ids: Range<u64>) -> Self {
        Self {
            seeded,
            keys: *seeded.round_keys(),
            profiles: profiles(seeded, ids),
            selected: 0,
            states: CycleStates::default(),
            thresholds: vec![0; seeded.laws().window().days as usize + 2 * AGES_PER_GROUP],
            end_age: 0,
        }
    }

    /// Returns the chances of a customer to be active, by engagement.
    #[inline(always)]
    fn chances(&self, profile: &Profile) -> &'a [Chance; STATES] {
        &self.seeded.laws().plans[usize::from(profile.plan)].active[usize::from(profile.intensity)]
    }
}

impl Customers for CycleCustomers<'_> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.profiles.len()
    }

    #[inline(always)]
    fn select(&mut self, index: usize, days: &Range<u32>) -> Option<Customer> {
        let profile = self.profiles[index];
        let Profile { id, signup, plan, intensity, .. } = profile;
        if signup >= days.end {
            return None;
        }
        self.states.fill(self.seeded, &self.keys, &profile, days.end);
        let end_age = self.states.end_age().min(days.end - signup);
        if signup + end_age <= days.start {
            return None;
        }
        (self.selected, self.end_age) = (index, end_age);
        let chances = self.chances(&profile);
        for (first_age, engagement) in self.states.cycles() {
            let upper = (chances[usize::from(engagement)].threshold >> 16) as u16;
            self.thresholds[usize::from(first_age)..][..CYCLE_DAYS].fill(upper);
        }
        self.thresholds[end_age as usize..][..AGES_PER_GROUP].fill(0);
        Some(Customer { id, class: usage_class(plan, intensity), signup, end_age })
    }

    #[inline(always)]
    fn thresholds(&self) -> &[u16] {
        &self.thresholds
    }

    fn exact_threshold(&self, age: usize) -> u32 {
        if age >= self.end_age as usize {
            return 0;
        }
        self.chances(&self.profiles[self.selected])[usize::from(self.states.engagement_at(age))].threshold
    }
}
