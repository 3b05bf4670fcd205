//! The plans with their terms of payment.

use super::super::laws::{FREE, Laws};

/// A plan with its term of payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanTerm {
    /// Index of the plan.
    pub plan: u8,
    /// Whether the terms are annual.
    pub is_annual: bool,
}

impl PlanTerm {
    /// All plans with their terms. Free has no annual terms.
    pub const ALL: [Self; 7] = [
        Self { plan: FREE, is_annual: false },
        Self { plan: 1, is_annual: false },
        Self { plan: 1, is_annual: true },
        Self { plan: 2, is_annual: false },
        Self { plan: 2, is_annual: true },
        Self { plan: 3, is_annual: false },
        Self { plan: 3, is_annual: true },
    ];

    /// Returns the share of customers who sign up on the plan and term.
    pub fn share(self, laws: &Laws) -> f64 {
        let plans = laws.parameters().plans.values();
        let total: f64 = plans.iter().map(|plan| plan.share).sum();
        let plan = plans[usize::from(self.plan)];
        plan.share / total * if self.is_annual { plan.annual } else { 1.0 - plan.annual }
    }

    /// Returns whether a payment is due at the start of a cycle with this age.
    pub fn is_payment_due(self, spell_age: usize) -> bool {
        self.plan != FREE && (!self.is_annual || spell_age.is_multiple_of(12))
    }

    /// Returns whether a renewal is due at the end of a cycle with this age.
    pub fn is_renewal_due(self, spell_age: usize) -> bool {
        !self.is_annual || (spell_age + 1).is_multiple_of(12)
    }
}
