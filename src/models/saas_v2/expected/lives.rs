//! The probabilities of a life, cycle by cycle.

use super::super::laws::Laws;
use super::super::parameters::STATES;
use super::life_law::{Billed, LifeLaw, by_engagement};
use super::plan_term::PlanTerm;

/// The reasons of an end, in order.
pub const REASONS: [&str; 5] = ["unused", "support", "billing", "other", "payment"];

/// The probabilities of one cycle of a random customer, from signup on. A customer who has left is counted as well.
///
/// Decisions and ends are those of cycles that lie inside the window whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CycleOdds {
    /// To start the cycle.
    pub starts: f64,
    /// To start the cycle with each engagement.
    pub engagement: [f64; STATES],
    /// To start the cycle with each engagement, and with a payment that never comes.
    pub unpaid: [f64; STATES],
    /// Of a payment attempt that succeeds, fails and is recovered, and fails for good. All are 0 if none is due.
    pub attempts: [f64; 3],
    /// Of a decision at the end of the cycle.
    pub decides: f64,
    /// To end by each of the [`REASONS`].
    pub ends: [f64; REASONS.len()],
}

impl CycleOdds {
    /// Returns the probability that the life ends with the cycle if it starts, or 0 if it never starts.
    pub fn hazard(&self) -> f64 {
        if self.starts > 0.0 { self.ends.iter().sum::<f64>() / self.starts } else { 0.0 }
    }
}

/// Returns the probabilities of all cycles that fit into the window, for customers on one plan and term.
pub fn lives(laws: &Laws, of: PlanTerm) -> Vec<CycleOdds> {
    let law = LifeLaw::new(laws, of);
    let mut states = law.start();
    let cycles = 0..laws.cycles.months();
    cycles
        .map(|cycle| {
            let spell_age = cycle;
            let billed = law.bill(spell_age, &states);
            states = law.stay(spell_age, &billed.served);
            odds(&law, spell_age, &billed)
        })
        .collect()
}

fn odds(law: &LifeLaw, spell_age: usize, billed: &Billed) -> CycleOdds {
    let unpaid = by_engagement(&billed.unpaid);
    let [after_success, after_failure] = billed.served.map(|served| by_engagement(&served));
    let sums = [after_success, after_failure, unpaid].map(|by_engagement| by_engagement.iter().sum::<f64>());
    let [unused, support, billing, other] = law.leave(spell_age, &billed.served);
    CycleOdds {
        starts: sums.iter().sum(),
        engagement: std::array::from_fn(|state| after_success[state] + after_failure[state] + unpaid[state]),
        unpaid,
        attempts: if law.of.is_payment_due(spell_age) { sums } else { [0.0; 3] },
        decides: if law.of.is_renewal_due(spell_age) { sums[0] + sums[1] } else { 0.0 },
        ends: [unused, support, billing, other, sums[2]],
    }
}
