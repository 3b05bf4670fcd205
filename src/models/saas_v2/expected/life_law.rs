//! One cycle of a life as a step from a distribution over states to the next one.
//!
//! A state is the engagement in the cycle, whether the payment attempt before failed, the channel and the class of
//! frailty. The engagement of a cycle is drawn independently of its payment, so a state has it before billing. The class
//! of intensity and the rung of seats have no effect on a life, so they are no part of the state.

use super::super::laws::Laws;
use super::super::parameters::{CLASSES, STATES};
use super::decisions::{DECISION_REASONS, Decisions, GROUPS, Joint, Tickets};
use super::plan_term::PlanTerm;

/// The probabilities of all states. The first index is 1 if the last payment attempt failed.
pub(super) type States = [Joint; 2];

/// The states of a cycle after its payment attempt.
#[derive(Debug)]
pub(super) struct Billed {
    /// Customers who are served to the end of the cycle. The first index is 1 if the last attempt failed.
    pub served: States,
    /// Customers whose payment never comes. Their service ends with the days of grace.
    pub unpaid: Joint,
}

/// The law of the lives of all customers on one plan and term.
#[derive(Debug)]
pub(super) struct LifeLaw {
    pub of: PlanTerm,
    pub tickets: Tickets,
    pub decisions: Decisions,
    groups: [f64; GROUPS],
    start: [f64; STATES],
    next: [[f64; STATES]; STATES],
    failure: [f64; 2],
    recovered: f64,
}

const NOBODY: Joint = [[0.0; GROUPS]; STATES];

impl LifeLaw {
    pub fn new(laws: &Laws, of: PlanTerm) -> Self {
        let parameters = laws.parameters();
        let plan = parameters.plans.values()[usize::from(of.plan)];
        let channels = shares(parameters.channels.values().map(|channel| channel.share));
        let tickets = Tickets::new(laws, of.plan);
        Self {
            decisions: Decisions::new(laws, of, &tickets),
            tickets,
            groups: std::array::from_fn(|group| channels[group / CLASSES] / CLASSES as f64),
            start: shares(plan.start.values().map(|&share| share)),
            next: parameters.engagement.values().map(|state| shares(state.next.values().map(|&share| share))),
            failure: laws.plans[usize::from(of.plan)].payment_failure[usize::from(of.is_annual)]
                .map(|chance| chance.probability.min(1.0)),
            recovered: parameters.billing.recovered,
            of,
        }
    }

    /// Returns the states in the first cycle of a spell.
    pub fn start(&self) -> States {
        [self.start.map(|share| self.groups.map(|group| share * group)), NOBODY]
    }

    /// Applies the payment attempt of a cycle. The first one of a spell is always paid.
    pub fn bill(&self, spell_age: usize, states: &States) -> Billed {
        if spell_age == 0 || !self.of.is_payment_due(spell_age) {
            return Billed { served: *states, unpaid: NOBODY };
        }
        let fails = joint(|engagement, group| {
            self.failure[0] * states[0][engagement][group] + self.failure[1] * states[1][engagement][group]
        });
        let succeeds = joint(|engagement, group| {
            states[0][engagement][group] + states[1][engagement][group] - fails[engagement][group]
        });
        let recovered = joint(|engagement, group| self.recovered * fails[engagement][group]);
        let unpaid = joint(|engagement, group| (1.0 - self.recovered) * fails[engagement][group]);
        Billed { served: [succeeds, recovered], unpaid }
    }

    /// Applies the decision at the end of a cycle, and returns the states at the start of the next one.
    pub fn stay(&self, spell_age: usize, served: &States) -> States {
        if !self.of.is_renewal_due(spell_age) {
            return self.next_engagement(served);
        }
        self.next_engagement(&self.weigh(spell_age, served, &self.decisions.stays))
    }

    /// Like [`Self::stay`], but weighs each customer with the number of all tickets of the cycle.
    pub fn stay_with_tickets(&self, spell_age: usize, cycle: usize, served: &States) -> States {
        let is_due = self.of.is_renewal_due(spell_age);
        let mut weighed = *served;
        let decisions = &self.decisions;
        for (has_failed, weighed) in weighed.iter_mut().enumerate() {
            let recovered = self.recovered_now(spell_age, has_failed);
            for (engagement, weighed) in weighed.iter_mut().enumerate() {
                let howto = self.tickets.mean_howto(cycle, engagement);
                let all = self.tickets.mean_problems(engagement) + howto;
                let stays = &decisions.stays[recovered][engagement];
                let problems = &decisions.problems_of_staying[recovered][engagement];
                for group in 0..GROUPS {
                    weighed[group] *= if is_due { problems[group] + howto * stays[group] } else { all };
                }
            }
        }
        self.next_engagement(&weighed)
    }

    /// Returns the probability of each reason to leave at the end of a cycle.
    pub fn leave(&self, spell_age: usize, served: &States) -> [f64; DECISION_REASONS] {
        if !self.of.is_renewal_due(spell_age) {
            return [0.0; DECISION_REASONS];
        }
        std::array::from_fn(|reason| {
            let leaving = self.weigh(spell_age, served, &self.decisions.leaves[reason]);
            leaving.as_flattened().as_flattened().iter().sum()
        })
    }

    /// Returns 1 if customers whose last attempt failed were recovered in the cycle with this age. On annual terms, the
    /// last attempt can be that of an earlier cycle, which has no effect on this one's decision.
    fn recovered_now(&self, spell_age: usize, has_failed: usize) -> usize {
        if self.of.is_payment_due(spell_age) { has_failed } else { 0 }
    }

    /// Multiplies the states with the weights by recovered payment, engagement and group.
    fn weigh(&self, spell_age: usize, states: &States, weights: &[Joint; 2]) -> States {
        let mut weighed = *states;
        for (has_failed, weighed) in weighed.iter_mut().enumerate() {
            let weights = &weights[self.recovered_now(spell_age, has_failed)];
            for (state, weight) in weighed.as_flattened_mut().iter_mut().zip(weights.as_flattened()) {
                *state *= weight;
            }
        }
        weighed
    }

    fn next_engagement(&self, states: &States) -> States {
        let mut next = [NOBODY; 2];
        for (next, states) in next.iter_mut().zip(states) {
            for (from, shares) in states.iter().zip(&self.next) {
                for (next, share) in next.iter_mut().zip(shares) {
                    for group in 0..GROUPS {
                        next[group] += share * from[group];
                    }
                }
            }
        }
        next
    }
}

/// Returns the numbers that `of` gives for each engagement and group.
fn joint(of: impl Fn(usize, usize) -> f64) -> Joint {
    std::array::from_fn(|engagement| std::array::from_fn(|group| of(engagement, group)))
}

/// Returns the sums over all groups.
pub(super) fn by_engagement(joint: &Joint) -> [f64; STATES] {
    joint.map(|groups| groups.iter().sum())
}

/// Scales shares, which sum to 1 within the tolerance of the model's checks, to a sum of 1.
fn shares(shares: [f64; STATES]) -> [f64; STATES] {
    let total: f64 = shares.iter().sum();
    shares.map(|share| share / total)
}
