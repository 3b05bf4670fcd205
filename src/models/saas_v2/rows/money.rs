//! What a customer pays.

use super::super::laws::{FREE, Laws};

/// The plan, term and seats that a customer has.
#[derive(Debug, Clone, Copy)]
pub(in crate::models::saas_v2) struct Contract {
    /// Index of the plan.
    pub plan: u8,
    /// Whether the terms are annual.
    pub is_annual: bool,
    /// Rung of the ladder of seats.
    pub rung: u8,
}

impl Contract {
    /// Returns the number of seats. Free has one, whatever the rung.
    pub fn seats(self, laws: &Laws) -> i32 {
        if self.plan == FREE { 1 } else { laws.ladder[usize::from(self.rung)] }
    }

    /// Returns the recurring revenue of a month in hundredths: on annual terms 10/12 of the price, which the checked
    /// model makes a whole number.
    pub fn mrr(self, laws: &Laws) -> i128 {
        let monthly = i128::from(self.seats(laws)) * laws.plans[usize::from(self.plan)].price_cents;
        if self.is_annual { monthly * 10 / 12 } else { monthly }
    }

    /// Returns the amount of an invoice in hundredths: the revenue of a month or of a year.
    pub fn amount(self, laws: &Laws) -> i128 {
        if self.is_annual { 12 * self.mrr(laws) } else { self.mrr(laws) }
    }
}
