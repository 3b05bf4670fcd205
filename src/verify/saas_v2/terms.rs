//! The plan, term and seats of a customer.

use super::derived_model::{FREE, STATES};
use crate::models::saas_v2::PlanTerm;
use crate::verify::reading::Rows;

/// The plan, term and seats of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The index of the plan.
    pub plan: u8,
    pub is_annual: bool,
    pub seats: i32,
}

impl Terms {
    /// Reads the columns plan, term and seats. Returns `None` if a name is unknown.
    pub fn read(table: &Rows, [plan, term, seats]: [usize; 3], row: usize) -> Option<Self> {
        let (plan, term) = (table.text(plan)[row], table.text(term)[row]);
        let is_known = usize::from(plan) < STATES && term < 2;
        is_known.then(|| Self { plan, is_annual: term == 1, seats: table.int32(seats)[row] })
    }

    pub fn is_free(self) -> bool {
        self.plan == FREE
    }

    /// Returns the index of plan and term in [`PlanTerm::ALL`]. Free has only monthly terms.
    pub fn plan_term(self) -> usize {
        if self.is_free() { 0 } else { usize::from(self.plan) * 2 - 1 + usize::from(self.is_annual) }
    }
}

/// Returns the name of a plan and term for people.
pub fn plan_term_name(names: [&str; STATES], of: PlanTerm) -> String {
    let name = names[usize::from(of.plan)];
    match (of.plan, of.is_annual) {
        (FREE, _) => name.into(),
        (_, false) => format!("{name} monthly"),
        (_, true) => format!("{name} annual"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_and_terms_are_numbered_as_in_the_model() {
        for (index, of) in PlanTerm::ALL.into_iter().enumerate() {
            assert_eq!(Terms { plan: of.plan, is_annual: of.is_annual, seats: 1 }.plan_term(), index);
        }
    }
}
