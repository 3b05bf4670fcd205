//! Tests of the ends of lives against the exact recursion, which knows no hidden trait of any customer.

use crate::models::saas_v2::{PlanTerm, lives};
use crate::verify::saas_v2::aggregates::{Aggregates, LifeEnds};
use crate::verify::saas_v2::derived_model::{DerivedModel, Horizon};
use crate::verify::saas_v2::terms::plan_term_name;
use crate::verify::statistics::{ChiSquare, EventSum, Outcome};

/// The shortest cycle in days.
const SHORTEST: usize = 28;

/// Tests the cycles and kinds of ends on each plan and term, and the total number of ends of each kind.
pub fn test(model: &DerivedModel, ends: &LifeEnds, add: &mut impl FnMut(String, Outcome)) {
    for (index, of) in PlanTerm::ALL.into_iter().enumerate() {
        let name = plan_term_name(model.plan_names(), of);
        let probabilities = Probabilities::new(model, of, ends.kinds());
        let (mut test, mut customers) = (ChiSquare::default(), 0);
        let mut sums = [EventSum::default(); 2];
        for (horizon, counts) in ends.of(index) {
            let count = counts.iter().sum::<u64>();
            if count == 0 {
                continue;
            }
            customers += count;
            let shares = probabilities.seen(horizon, counts.len());
            test.add(counts, &shares.iter().map(|share| share * count as f64).collect::<Vec<_>>());
            for (kind, sum) in sums.iter_mut().enumerate() {
                let is_kind = |column: usize| usize::from(column % ends.kinds() + 1 == ends.kinds()) == kind;
                let columns = || (0..counts.len() - 1).filter(|&column| is_kind(column));
                // A life has one end at most, so a customer's ends of all cycles are one event.
                let probability = columns().map(|column| shares[column]).sum();
                sum.add(count, columns().map(|column| counts[column]).sum(), probability);
            }
        }
        if customers == 0 {
            continue;
        }
        add(format!("cycle and kind of ends, {name}"), test.outcome());
        for (sum, kind) in sums.iter().zip(["by decision", "unpaid"]) {
            add(format!("ends {kind}, {name}"), sum.outcome());
        }
    }
}

/// Tests the days of the cancels, which are uniform over the cycle.
pub fn cancel_days(aggregates: &Aggregates) -> Outcome {
    let mut test = ChiSquare::default();
    for (length, counts) in (SHORTEST..).zip(aggregates.cancel_days.rows()) {
        let each = counts.iter().sum::<u64>() as f64 / length as f64;
        let expected: Vec<f64> = (0..counts.len()).map(|day| if day < length { each } else { 0.0 }).collect();
        test.add(counts, &expected);
    }
    test.outcome()
}

/// The probabilities of the ends of a random customer on one plan and term, by cycle and kind.
struct Probabilities {
    kinds: usize,
    by_cycle: Vec<Vec<f64>>,
}

impl Probabilities {
    /// `kinds` is the number of reasons, or 2 if all reasons of a decision count as one.
    fn new(model: &DerivedModel, of: PlanTerm, kinds: usize) -> Self {
        let of_kinds = |ends: &[f64]| {
            let (payment, decisions) = ends.split_last().map_or((0.0, ends), |(last, rest)| (*last, rest));
            if kinds == ends.len() { ends.to_vec() } else { vec![decisions.iter().sum(), payment] }
        };
        Self { kinds, by_cycle: lives(&model.laws, of).iter().map(|odds| of_kinds(&odds.ends)).collect() }
    }

    /// Returns the probabilities of the ends that the window shows, and last of none.
    fn seen(&self, horizon: Horizon, columns: usize) -> Vec<f64> {
        let mut seen = vec![0.0; columns];
        for (cycle, ends) in self.by_cycle.iter().enumerate() {
            let of_cycle = &mut seen[cycle * self.kinds..(cycle + 1) * self.kinds];
            if cycle < horizon.whole_cycles {
                of_cycle.copy_from_slice(ends);
            } else if cycle == horizon.whole_cycles && horizon.shows_grace {
                of_cycle[self.kinds - 1] = ends[self.kinds - 1];
            }
        }
        seen[columns - 1] = (1.0 - seen.iter().sum::<f64>()).max(0.0);
        seen
    }
}
