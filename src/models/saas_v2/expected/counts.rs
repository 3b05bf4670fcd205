//! Moments of what customers have in their cycles: cycles, invoices, active days and tickets.
//!
//! What a customer has in a cycle is proportional to the exposure of the cycle: see
//! [`Exposure`](super::exposure::Exposure). The moments here belong to an exposure of 1, so they don't depend on days.

use super::super::laws::Laws;
use super::super::parameters::{CLASSES, STATES};
use super::life_law::{Billed, LifeLaw, States, by_engagement};
use super::plan_term::PlanTerm;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Cycles,
    Invoices,
    /// Days on which a customer was active. An exposure of 1 is one day whose factors are 1.
    ActiveDays,
    /// Support tickets. An exposure of 1 is a whole cycle.
    Tickets,
}

/// A moment in cycles with service to their end, and one in cycles whose payment never comes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ByService {
    pub whole: f64,
    pub unpaid: f64,
}

/// The moments of a random customer.
#[derive(Debug)]
pub(super) struct CountMoments {
    /// The mean in each cycle.
    pub mean: Vec<ByService>,
    /// The mean of n (n - 1) in each cycle, for counts; the mean of the squared chance of a day, for active days.
    pub same: Vec<ByService>,
    /// For each cycle j and each later cycle k, the mean product of what the customer has in both. It is split by the
    /// service of cycle k. Service in cycle j is whole, or there would be no later cycle. The entry of k is at k - j - 1.
    pub later: Vec<Later>,
}

/// See [`CountMoments::later`].
#[derive(Debug, Default)]
pub(super) struct Later {
    pub whole: Vec<f64>,
    pub unpaid: Vec<f64>,
}

impl CountMoments {
    /// Returns the moments for a window.
    ///
    /// This goes forward from each cycle, so the time is quadratic in the months of the window.
    pub fn new(laws: &Laws, count: Count) -> Self {
        let months = laws.cycles.months();
        let mut moments = Self {
            mean: vec![ByService::default(); months],
            same: vec![ByService::default(); months],
            later: (0..months)
                .map(|cycle| Later { whole: vec![0.0; months - cycle - 1], unpaid: vec![0.0; months - cycle - 1] })
                .collect(),
        };
        for of in PlanTerm::ALL {
            let share = of.share(laws);
            if share > 0.0 {
                moments.add(&CycleCount::new(laws, of, count), share);
            }
        }
        moments
    }

    /// Adds the moments of customers on one plan and term.
    fn add(&mut self, counted: &CycleCount, share: f64) {
        let law = &counted.law;
        let months = self.mean.len();
        let mut states = law.start();
        for first in 0..months {
            let billed = law.bill(first, &states);
            let by_service = Engagements::of(&billed);
            self.mean[first].add(by_service.weighed(&counted.mean(first)), share * counted.scale);
            self.same[first].add(by_service.weighed(&counted.same(first)), share * counted.square_scale);
            let mut weighed = counted.stay(first, &billed.served);
            let later = &mut self.later[first];
            for (place, cycle) in (first + 1..months).enumerate() {
                let billed = law.bill(cycle, &weighed);
                let both = Engagements::of(&billed).weighed(&counted.mean(cycle));
                later.whole[place] += share * counted.square_scale * both.whole;
                later.unpaid[place] += share * counted.square_scale * both.unpaid;
                weighed = law.stay(cycle, &billed.served);
            }
            states = law.stay(first, &billed.served);
        }
    }
}

impl ByService {
    fn add(&mut self, other: Self, weight: f64) {
        self.whole += weight * other.whole;
        self.unpaid += weight * other.unpaid;
    }
}

/// The engagement of customers by service.
struct Engagements {
    whole: [f64; STATES],
    unpaid: [f64; STATES],
}

impl Engagements {
    fn of(billed: &Billed) -> Self {
        let [after_success, after_failure] = billed.served.map(|served| by_engagement(&served));
        Self {
            whole: std::array::from_fn(|state| after_success[state] + after_failure[state]),
            unpaid: by_engagement(&billed.unpaid),
        }
    }

    fn weighed(&self, weights: &[f64; STATES]) -> ByService {
        let sum = |shares: &[f64; STATES]| shares.iter().zip(weights).map(|(share, weight)| share * weight).sum();
        ByService { whole: sum(&self.whole), unpaid: sum(&self.unpaid) }
    }
}

/// What customers on one plan and term have in a cycle.
struct CycleCount {
    law: LifeLaw,
    count: Count,
    /// The chance to be active on a day, by engagement, before the factor of intensity.
    active: [f64; STATES],
    /// The mean of the customer's own factor, which no part of the life depends on, and the mean of its square.
    scale: f64,
    square_scale: f64,
}

impl CycleCount {
    fn new(laws: &Laws, of: PlanTerm, count: Count) -> Self {
        let parameters = laws.parameters();
        let plan = parameters.plans.values()[usize::from(of.plan)];
        let factors = if count == Count::ActiveDays { parameters.intensity.activity } else { [1.0; CLASSES] };
        let mean_power = |power: i32| factors.iter().map(|factor| factor.powi(power)).sum::<f64>() / CLASSES as f64;
        Self {
            law: LifeLaw::new(laws, of),
            count,
            active: parameters.engagement.values().map(|state| plan.active * state.activity),
            scale: mean_power(1),
            square_scale: mean_power(2),
        }
    }

    /// Returns the mean by engagement.
    fn mean(&self, cycle: usize) -> [f64; STATES] {
        let tickets = &self.law.tickets;
        match self.count {
            Count::Cycles => [1.0; STATES],
            Count::Invoices => [f64::from(u8::from(self.law.of.is_payment_due(cycle))); STATES],
            Count::ActiveDays => self.active,
            Count::Tickets => std::array::from_fn(|engagement| {
                tickets.mean_problems(engagement) + tickets.mean_howto(cycle, engagement)
            }),
        }
    }

    /// Returns [`CountMoments::same`] by engagement.
    fn same(&self, cycle: usize) -> [f64; STATES] {
        match self.count {
            Count::Cycles | Count::Invoices => [0.0; STATES],
            Count::ActiveDays => self.active.map(|chance| chance * chance),
            Count::Tickets => std::array::from_fn(|engagement| self.law.tickets.mean_of_pairs(cycle, engagement)),
        }
    }

    /// Weighs customers with what they have in a cycle, and returns the states of those who stay, in the next cycle.
    fn stay(&self, cycle: usize, served: &States) -> States {
        if self.count == Count::Tickets {
            return self.law.stay_with_tickets(cycle, cycle, served);
        }
        let mean = self.mean(cycle);
        let mut weighed = *served;
        for states in &mut weighed {
            for (groups, weight) in states.iter_mut().zip(mean) {
                for state in groups {
                    *state *= weight;
                }
            }
        }
        self.law.stay(cycle, &weighed)
    }
}
