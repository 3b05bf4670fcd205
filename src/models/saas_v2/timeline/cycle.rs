//! One cycle of a customer's life.

use super::super::laws::{Laws, Reason};

/// The result of a payment attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// No payment was due.
    None,
    /// The first attempt succeeded.
    Ok,
    /// The attempt failed, and the payment came this many days later.
    Late(u32),
    /// The attempt failed, and the payment never came.
    Failed,
}

/// What a cycle led to, as far as the window shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The customer stayed for the next cycle.
    Stays,
    /// The customer left by decision.
    Leaves,
    /// Service ended because of an unpaid invoice.
    Unpaid,
    /// The window ended before.
    Open,
}

/// One cycle as a customer. Days are counted from the window's first day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cycle {
    /// The number of the cycle, counted from signup.
    pub number: u32,
    /// The number of the spell.
    pub spell: u32,
    /// The number of the cycle, counted from the start of the spell.
    pub spell_age: u32,
    /// The first day.
    pub first: u32,
    /// The day after the last day of the cycle, which can be after the window.
    pub end: u32,
    /// The day after the last day of service in the window.
    pub service_end: u32,
    /// Index of the plan.
    pub plan: u8,
    /// Whether the terms are annual.
    pub is_annual: bool,
    /// Rung of the ladder of seats.
    pub rung: u8,
    /// Index of the engagement.
    pub engagement: u8,
    /// The number of problem tickets of the whole cycle.
    pub problem_tickets: u32,
    /// The payment attempt.
    pub attempt: Attempt,
    /// Whether the payment attempt before failed.
    pub had_failed: bool,
    /// Whether a decision fell.
    pub is_decided: bool,
    /// The outcome.
    pub outcome: Outcome,
    /// The reason of the end.
    pub reason: Reason,
    /// The day of the cancellation, if the customer left by decision.
    pub cancelled: Option<u32>,
}

impl Cycle {
    /// Returns the probability that the payment attempt failed. It is 0 if none was at risk, as the first one of a spell.
    pub fn payment_failure(&self, laws: &Laws) -> f64 {
        if self.attempt == Attempt::None || self.spell_age == 0 {
            return 0.0;
        }
        let chances = &laws.plans[usize::from(self.plan)].payment_failure[usize::from(self.is_annual)];
        chances[usize::from(self.had_failed)].probability
    }
}
