//! The tickets of a cycle and the decision at its end, averaged over the tickets.

use super::super::laws::{Laws, MOST_COUNTED, MOST_TICKETS, Situation, place_of};
use super::super::parameters::{CLASSES, STATES};
use super::plan_term::PlanTerm;
use crate::random::{ONE, distributions};

/// The number of groups of customers that differ in their hazards: channels x classes of frailty.
pub(super) const GROUPS: usize = STATES * CLASSES;

/// A number for each engagement and group. The group is `channel x 8 + frailty`.
pub(super) type Joint = [[f64; GROUPS]; STATES];

/// The number of reasons of a decision to leave: unused, support, billing, other.
pub(super) const DECISION_REASONS: usize = 4;

/// Moments of the tickets that a customer has in a cycle, by engagement. All counts are at most 7.
#[derive(Debug)]
pub(super) struct Tickets {
    /// The distribution of the number of problem tickets.
    problem: [[f64; MOST_TICKETS + 1]; STATES],
    /// Mean and mean of n (n - 1) of the how-to tickets: in the first cycle, and in a later one.
    howto: [[[f64; 2]; STATES]; 2],
}

/// What a decision that falls does to customers. The first index is 1 if a payment of the cycle failed and was recovered.
#[derive(Debug)]
pub(super) struct Decisions {
    /// The probability to stay.
    pub stays: [Joint; 2],
    /// The mean of the number of problem tickets, or 0 if the customer leaves.
    pub problems_of_staying: [Joint; 2],
    /// The probability to leave, by reason.
    pub leaves: [[Joint; 2]; DECISION_REASONS],
}

impl Tickets {
    pub fn new(laws: &Laws, plan: u8) -> Self {
        let parameters = laws.parameters();
        let own = parameters.plans.values()[usize::from(plan)];
        let states = parameters.engagement.values();
        let howto = |factor: f64| {
            states.map(|state| {
                let counts = ticket_counts(factor * own.howto_tickets * state.howto_tickets);
                [mean(&counts), mean_of_pairs(&counts)]
            })
        };
        Self {
            problem: states.map(|state| ticket_counts(own.problem_tickets * state.problem_tickets)),
            howto: [howto(parameters.tickets.first_cycle), howto(1.0)],
        }
    }

    /// Returns the mean number of problem tickets.
    pub fn mean_problems(&self, engagement: usize) -> f64 {
        mean(&self.problem[engagement])
    }

    /// Returns the mean number of how-to tickets in this cycle.
    pub fn mean_howto(&self, cycle: usize, engagement: usize) -> f64 {
        self.howto[usize::from(cycle > 0)][engagement][0]
    }

    /// Returns the mean of n (n - 1), where n is the number of all tickets in this cycle.
    pub fn mean_of_pairs(&self, cycle: usize, engagement: usize) -> f64 {
        let [howto, howto_pairs] = self.howto[usize::from(cycle > 0)][engagement];
        mean_of_pairs(&self.problem[engagement]) + 2.0 * self.mean_problems(engagement) * howto + howto_pairs
    }
}

impl Decisions {
    /// Returns the decisions of customers on this plan and term, where a renewal is due.
    pub fn new(laws: &Laws, of: PlanTerm, tickets: &Tickets) -> Self {
        let mut decisions = Self {
            stays: [[[0.0; GROUPS]; STATES]; 2],
            problems_of_staying: [[[0.0; GROUPS]; STATES]; 2],
            leaves: [[[[0.0; GROUPS]; STATES]; 2]; DECISION_REASONS],
        };
        for group in 0..GROUPS {
            let (channel, frailty) = ((group / CLASSES) as u8, (group % CLASSES) as u8);
            let thresholds = laws.hazards.thresholds(of.plan, of.is_annual, channel, frailty);
            for recovered in 0..2 {
                for engagement in 0..STATES {
                    for (count, probability) in tickets.problem[engagement].iter().enumerate() {
                        let counted = count.min(MOST_COUNTED);
                        let threshold = thresholds[place_of(engagement, recovered == 1, counted)];
                        let chance = f64::from(threshold) / ONE as f64;
                        let stays = probability * (1.0 - chance);
                        decisions.stays[recovered][engagement][group] += stays;
                        decisions.problems_of_staying[recovered][engagement][group] += count as f64 * stays;
                        if threshold == 0 {
                            continue;
                        }
                        let hazards = laws.hazards.of(Situation {
                            plan: of.plan,
                            is_annual: of.is_annual,
                            channel,
                            frailty,
                            engagement: engagement as u8,
                            is_recovered: recovered == 1,
                            problem_tickets: count as u32,
                        });
                        let of_reasons = [hazards.unused, hazards.support, hazards.billing, hazards.other];
                        for (leaves, hazard) in decisions.leaves.iter_mut().zip(of_reasons) {
                            leaves[recovered][engagement][group] += probability * chance * hazard / hazards.total();
                        }
                    }
                }
            }
        }
        decisions
    }
}

/// Returns the probabilities of min(n, 7) for a Poisson n. They differ from those of the generator by 2^-32 at most.
fn ticket_counts(mean: f64) -> [f64; MOST_TICKETS + 1] {
    let table = distributions::poisson(mean);
    let mut counts = [0.0; MOST_TICKETS + 1];
    for (count, words) in (table.first() as usize..).zip(table.words_per_value()) {
        counts[count.min(MOST_TICKETS)] += words as f64 / ONE as f64;
    }
    counts
}

fn mean(counts: &[f64]) -> f64 {
    counts.iter().enumerate().map(|(count, probability)| count as f64 * probability).sum()
}

fn mean_of_pairs(counts: &[f64]) -> f64 {
    counts.iter().enumerate().map(|(count, probability)| (count * count.saturating_sub(1)) as f64 * probability).sum()
}
