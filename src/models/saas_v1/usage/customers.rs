//! The customers of a block, whose activity decays with age.

use crate::models::saas_v1::profiles::Profiles;
use crate::models::saas_v1::seeded_laws::SeededLaws;
use crate::models::usage_kernel::{Customer, Customers};
use std::ops::Range;

/// The customers of a block. Their class is their plan.
pub(super) struct PlanCustomers<'a> {
    seeded: &'a SeededLaws,
    first: u64,
    profiles: Profiles,
    /// The plan of the selected customer.
    plan: u8,
}

impl<'a> PlanCustomers<'a> {
    pub fn new(seeded: &'a SeededLaws, ids: Range<u64>) -> Self {
        Self { seeded, first: ids.start, profiles: Profiles::of(seeded, ids), plan: 0 }
    }
}

impl Customers for PlanCustomers<'_> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.profiles.plan.len()
    }

    #[inline(always)]
    fn select(&mut self, index: usize, days: &Range<u32>) -> Option<Customer> {
        let signup = self.profiles.signup[index];
        if signup >= days.end {
            return None;
        }
        self.plan = self.profiles.plan[index];
        Some(Customer { id: self.first + index as u64, class: self.plan, signup, end_age: days.end - signup })
    }

    #[inline(always)]
    fn thresholds(&self) -> &[u16] {
        &self.seeded.laws().plans[usize::from(self.plan)].active_upper
    }

    fn exact_threshold(&self, age: usize) -> u32 {
        self.seeded.laws().plans[usize::from(self.plan)].active[age]
    }
}
