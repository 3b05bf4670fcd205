//! The hazards of decisions, and the class of frailty that they give away.

use super::customer::Customer;
use super::cycle_rows::{ATTEMPT_LATE, CycleRow};
use crate::models::saas_v2::{Hazards, Situation};
use crate::verify::saas_v2::derived_model::{CLASSES, DerivedModel};

/// The relative difference that another program's exponential function or order of products may cause.
const TOLERANCE: f64 = 1e-12;

/// Returns whether two numbers are equal but for rounding. A value that is not a number is not.
pub fn is_close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
}

/// The classes of frailty that a customer can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrailtyClasses(u8);

impl FrailtyClasses {
    pub const ALL: Self = Self(u8::MAX);

    /// Returns the classes with this frailty.
    pub fn with(model: &DerivedModel, frailty: f64) -> Self {
        Self::where_true(|class| is_close(frailty, model.laws.frailty[class]))
    }

    fn where_true(is_possible: impl Fn(usize) -> bool) -> Self {
        Self((0..CLASSES).filter(|&class| is_possible(class)).fold(0, |set, class| set | 1 << class))
    }

    fn has(self, class: usize) -> bool {
        self.0 >> class & 1 == 1
    }

    /// Returns the first class.
    pub fn first(self) -> Option<usize> {
        (self.0 != 0).then_some(self.0.trailing_zeros() as usize)
    }

    /// Returns the classes that also give the hazards of this decision, or `None` if there is none. If the channel is
    /// unknown, all do.
    pub fn narrowed(self, model: &DerivedModel, customer: &Customer, cycle: &CycleRow) -> Option<Self> {
        let Some(channel) = customer.channel else { return Some(self) };
        let situation = |frailty: usize| Situation {
            plan: customer.terms.plan,
            is_annual: customer.terms.is_annual,
            channel,
            frailty: frailty as u8,
            engagement: cycle.engagement as u8,
            is_recovered: cycle.attempt == ATTEMPT_LATE,
            problem_tickets: cycle.problem_tickets as u32,
        };
        let gives =
            |class: usize| self.has(class) && are_close(&cycle.hazards, &model.laws.hazards.of(situation(class)));
        Some(Self::where_true(gives)).filter(|classes| classes.0 != 0)
    }
}

fn are_close(found: &Hazards, expected: &Hazards) -> bool {
    is_close(found.unused, expected.unused)
        && is_close(found.support, expected.support)
        && is_close(found.billing, expected.billing)
        && is_close(found.other, expected.other)
}
