//! Figures that are derived from the model once and used by many checks.

use super::terms::Terms;
use crate::models::saas_v2::parameters::{Parameters, Plan};
use crate::models::saas_v2::{Laws, PlanTerm, SaasV2};
use crate::models::{Model, Window, date_of};
use std::sync::Arc;

pub use crate::models::saas_v2::FREE;
pub use crate::models::saas_v2::parameters::{CLASSES, STATES};

/// The number of plans with their terms.
pub const PLAN_TERMS: usize = PlanTerm::ALL.len();

/// The number of months between two payments on annual terms.
const YEAR: usize = 12;

/// A model with figures derived from it. Days are counted from the window's first day.
#[derive(Debug)]
pub struct DerivedModel {
    pub source: Model,
    pub laws: Arc<Laws>,
    pub window: Window,
    /// For each signup day, how much of a life the window shows.
    pub horizons: Vec<Horizon>,
}

/// How much of the life of a customer the window shows. It depends on the signup day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// The number of cycles that lie inside the window whole, so that their decisions are seen.
    pub whole_cycles: usize,
    /// Whether the end of service for want of payment is also seen for the cycle after them.
    pub shows_grace: bool,
}

impl DerivedModel {
    /// Derives the figures of `source`, whose laws are `laws`.
    pub fn new(source: Model, laws: &SaasV2) -> Self {
        let mut model = Self { window: source.window(), source, laws: Arc::clone(&laws.laws), horizons: Vec::new() };
        model.horizons = (0..model.window.days).map(|signup| model.horizon(signup)).collect();
        model
    }

    pub fn parameters(&self) -> &Parameters {
        self.laws.parameters()
    }

    pub fn plan(&self, plan: u8) -> &Plan {
        self.parameters().plans.values()[usize::from(plan)]
    }

    /// Returns the names of a column's list for people.
    pub fn plan_names(&self) -> [&'static str; STATES] {
        crate::models::saas_v2::parameters::ByPlan::<f64>::NAMES
    }

    pub fn engagement_names(&self) -> [&'static str; STATES] {
        crate::models::saas_v2::parameters::ByEngagement::<f64>::NAMES
    }

    pub fn channel_names(&self) -> [&'static str; STATES] {
        crate::models::saas_v2::parameters::ByChannel::<f64>::NAMES
    }

    /// Returns the number of days of the window.
    pub fn days(&self) -> i32 {
        self.window.days as i32
    }

    /// Returns the number of months of the window.
    pub fn months(&self) -> usize {
        self.laws.cycles.months()
    }

    /// Returns the month of a day of the window.
    pub fn month_of(&self, day: i32) -> usize {
        self.laws.cycles.month_of(day.clamp(0, self.days() - 1) as u32)
    }

    /// Returns a date as a day. Dates far outside the window give the nearest number that fits.
    pub fn day(&self, date: i32) -> i32 {
        date.saturating_sub(self.window.first)
    }

    /// Returns a day as a date for people.
    pub fn date(&self, day: i32) -> String {
        date_of(self.window.first.saturating_add(day)).to_string()
    }

    /// Returns whether a day is inside the window and not before `signup`.
    pub fn is_since(&self, signup: u32, day: i32) -> bool {
        (signup as i32..self.days()).contains(&day)
    }

    /// Returns the first day of a cycle, or `None` if it is after the month that follows the window.
    pub fn cycle_start(&self, signup: u32, cycle: usize) -> Option<i32> {
        let cycles = &self.laws.cycles;
        let is_known = cycles.month_of(signup).checked_add(cycle)? <= cycles.months();
        is_known.then(|| cycles.anniversary(cycles.signup(signup), cycle) as i32)
    }

    /// Returns the number of the cycle of a day for which [`Self::is_since`] is true.
    pub fn cycle_of(&self, signup: u32, day: i32) -> usize {
        self.laws.cycles.cycle_of(self.laws.cycles.signup(signup), day as u32)
    }

    /// Returns the number of days from a bill to the end of service if it is never paid.
    pub fn grace(&self) -> i32 {
        self.parameters().billing.grace as i32
    }

    /// Returns the number of cycles between two payments, and between two decisions.
    pub fn period(&self, is_annual: bool) -> usize {
        if is_annual { YEAR } else { 1 }
    }

    /// Returns the recurring revenue of a month in cents.
    pub fn mrr(&self, terms: Terms) -> i128 {
        let monthly = i128::from(terms.seats) * self.plan(terms.plan).price_cents();
        if terms.is_annual { monthly * 10 / 12 } else { monthly }
    }

    fn horizon(&self, signup: u32) -> Horizon {
        let start = |cycle| self.cycle_start(signup, cycle).unwrap_or(i32::MAX);
        let whole_cycles = (1..).take_while(|&cycle| start(cycle) <= self.days()).count();
        let last = start(whole_cycles);
        Horizon { whole_cycles, shows_grace: last.saturating_add(self.grace() + 1) <= self.days() }
    }
}
