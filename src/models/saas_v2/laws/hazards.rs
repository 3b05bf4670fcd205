//! The decision at the end of a cycle: its hazards, the chance to leave, and the reason.

use super::super::parameters::{ByEngagement, CLASSES, Parameters, STATES};
use super::chance::Chance;
use crate::random::threshold;

/// The most problem tickets that count.
pub const MOST_COUNTED: usize = 3;

/// The situations of one customer: engagement, recovered payment and number of problem tickets that count.
pub const SITUATIONS: usize = STATES * 2 * (MOST_COUNTED + 1);

/// What the hazards of a decision depend on.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// Index of the plan.
    pub plan: u8,
    /// Whether the terms are annual.
    pub is_annual: bool,
    /// Index of the channel.
    pub channel: u8,
    /// Class of frailty.
    pub frailty: u8,
    /// Index of the engagement in the cycle.
    pub engagement: u8,
    /// Whether the payment attempt of the cycle failed and was recovered.
    pub is_recovered: bool,
    /// The number of problem tickets of the cycle.
    pub problem_tickets: u32,
}

impl Situation {
    /// Returns the place of the situation among those of a customer on one plan and term.
    #[inline(always)]
    pub fn place(self) -> usize {
        let counted = self.problem_tickets.min(MOST_COUNTED as u32) as usize;
        place_of(usize::from(self.engagement), self.is_recovered, counted)
    }
}

/// The hazards of a decision by reason: how much each of them adds to -ln(1 - chance to leave).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Hazards {
    /// The product goes unused.
    pub unused: f64,
    /// Problem tickets.
    pub support: f64,
    /// A payment that failed and was recovered.
    pub billing: f64,
    /// Any other reason.
    pub other: f64,
}

impl Hazards {
    /// Returns the sum.
    pub fn total(&self) -> f64 {
        self.unused + self.support + self.billing + self.other
    }

    /// Returns the reason of a decision to leave, in proportion to the hazards.
    pub fn reason(&self, word: u32) -> Reason {
        let share = |hazard: f64| threshold(hazard / self.total());
        if word < share(self.unused) {
            Reason::Unused
        } else if word < share(self.unused + self.support) {
            Reason::Support
        } else if word < share(self.unused + self.support + self.billing) {
            Reason::Billing
        } else {
            Reason::Other
        }
    }

    /// Returns the chance to leave.
    pub fn chance_to_leave(&self) -> f64 {
        -libm::expm1(-self.total())
    }
}

/// Why a customer left, in the order of the names in `cycles_truth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The customer didn't leave.
    None,
    /// The product went unused.
    Unused,
    /// Problem tickets.
    Support,
    /// A payment that failed and was recovered.
    Billing,
    /// Any other reason.
    Other,
    /// An unpaid invoice.
    Payment,
}

/// The hazards of all situations.
#[derive(Debug)]
pub struct HazardTables {
    frailty: [f64; CLASSES],
    channel: [f64; STATES],
    unused: [[f64; STATES]; STATES],
    support: [f64; STATES],
    billing: [f64; STATES],
    other: [f64; STATES],
    /// The factor of all hazards where a renewal on annual terms is due.
    annual: f64,
    /// The thresholds of the chance to leave: [`SITUATIONS`] for each plan, term, channel and class of frailty.
    thresholds: Vec<[u32; SITUATIONS]>,
}

impl HazardTables {
    pub(super) fn new(parameters: &Parameters, frailty: [f64; CLASSES]) -> Self {
        let plans = parameters.plans.values();
        let states: [_; STATES] = ByEngagement::values(&parameters.engagement);
        let mut tables = Self {
            frailty,
            channel: parameters.channels.values().map(|channel| channel.hazard),
            unused: plans.map(|plan| states.map(|state| plan.unused * state.unused)),
            support: plans.map(|plan| plan.support),
            billing: plans.map(|plan| plan.billing),
            other: plans.map(|plan| plan.other),
            annual: 12.0 * parameters.decision.renewal,
            thresholds: Vec::new(),
        };
        let customers = (0..STATES as u8).flat_map(|plan| {
            [false, true].into_iter().flat_map(move |is_annual| {
                (0..STATES as u8)
                    .flat_map(move |channel| (0..CLASSES as u8).map(move |frailty| (plan, is_annual, channel, frailty)))
            })
        });
        let of_customer = |(plan, is_annual, channel, frailty)| {
            std::array::from_fn(|place| {
                let (tickets, rest) = (place % (MOST_COUNTED + 1), place / (MOST_COUNTED + 1));
                let situation = Situation {
                    plan,
                    is_annual,
                    channel,
                    frailty,
                    engagement: (rest / 2) as u8,
                    is_recovered: rest % 2 == 1,
                    problem_tickets: tickets as u32,
                };
                tables.chance(situation).threshold
            })
        };
        tables.thresholds = customers.map(of_customer).collect();
        tables
    }

    /// Returns the chance to leave by decision.
    pub fn chance(&self, situation: Situation) -> Chance {
        Chance::new(self.of(situation).chance_to_leave())
    }

    /// Returns the hazards of a decision.
    pub fn of(&self, situation: Situation) -> Hazards {
        let (plan, engagement) = (usize::from(situation.plan), usize::from(situation.engagement));
        let own = self.frailty[usize::from(situation.frailty)] * self.channel[usize::from(situation.channel)];
        let factor = if situation.is_annual { self.annual } else { 1.0 };
        let counted = f64::from(situation.problem_tickets.min(MOST_COUNTED as u32));
        let recovered = f64::from(u8::from(situation.is_recovered));
        Hazards {
            unused: factor * own * self.unused[plan][engagement],
            support: factor * own * self.support[plan] * counted,
            billing: factor * own * self.billing[plan] * recovered,
            other: factor * self.other[plan],
        }
    }

    /// Returns an upper bound of the hazard of any reason.
    pub fn largest(&self) -> f64 {
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let own = largest(&self.frailty) * largest(&self.channel);
        let support = largest(&self.support) * MOST_COUNTED as f64;
        let most = [largest(self.unused.as_flattened()), support, largest(&self.billing)].map(|hazard| own * hazard);
        f64::max(1.0, self.annual) * f64::max(largest(&most), largest(&self.other))
    }

    /// Returns the threshold below which a word means that the customer leaves.
    pub fn threshold(&self, situation: Situation) -> u32 {
        let Situation { plan, is_annual, channel, frailty, .. } = situation;
        self.thresholds(plan, is_annual, channel, frailty)[situation.place()]
    }

    /// Returns the thresholds below which a word means that the customer leaves, for [`place_of`].
    #[inline]
    pub fn thresholds(&self, plan: u8, is_annual: bool, channel: u8, frailty: u8) -> &[u32; SITUATIONS] {
        let row = (usize::from(plan) * 2 + usize::from(is_annual)) * STATES + usize::from(channel);
        &self.thresholds[row * CLASSES + usize::from(frailty)]
    }
}

/// Returns the place of a situation in [`HazardTables::thresholds`]. At most [`MOST_COUNTED`] problem tickets count.
#[inline(always)]
pub fn place_of(engagement: usize, is_recovered: bool, counted_tickets: usize) -> usize {
    (engagement * 2 + usize::from(is_recovered)) * (MOST_COUNTED + 1) + counted_tickets
}
