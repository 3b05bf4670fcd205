//! Ids that are `customer_id x 1000 + n`, with n = 1, 2, 3, … by date.

use crate::verify::rules::Rule;
use crate::verify::saas_v2::rules::NUMBERS;

/// The ids of one customer, in the order of dates.
#[derive(Debug)]
pub struct Numbers {
    before: i64,
}

impl Numbers {
    pub fn of(customer: i64) -> Self {
        Self { before: customer.saturating_mul(1_000) }
    }

    /// Returns the rule that the next id violates.
    pub fn next(&mut self, id: i64) -> Option<Rule> {
        if id == self.before {
            return Some(Rule::UniqueKeys);
        }
        let expected = self.before.saturating_add(1);
        self.before = id;
        (id != expected).then_some(NUMBERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_from_1_and_differ() {
        let faults = |ids: &[i64]| {
            let mut numbers = Numbers::of(7);
            ids.iter().map(|&id| numbers.next(id)).collect::<Vec<_>>()
        };
        assert_eq!(faults(&[7_001, 7_002, 7_003]), [None; 3]);
        assert_eq!(faults(&[7_001, 7_001, 7_002]), [None, Some(Rule::UniqueKeys), None]);
        assert_eq!(faults(&[7_001, 7_003, 7_004]), [None, Some(NUMBERS), None]);
        assert_eq!(faults(&[7_002]), [Some(NUMBERS)]);
    }
}
