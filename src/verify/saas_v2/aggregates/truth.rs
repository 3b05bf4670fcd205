//! Counts and sums over the rows of the truth tables.

use super::life_ends::LifeEnds;
use super::scores::Scores;
use crate::models::saas_v2::REASONS;
use crate::verify::saas_v2::derived_model::{CLASSES, DerivedModel, PLAN_TERMS, STATES};
use crate::verify::statistics::CountMatrix;

/// The number of problem tickets that raise the hazard, and of reasons of a decision to leave.
const TICKETS: usize = 4;
const DECISION_REASONS: usize = 4;

/// The number of tickets of one kind in a cycle is 0 to 7.
const TICKET_COUNTS: usize = 8;

/// Counts and sums over the rows of `cycles_truth` and `customer_truth`.
#[derive(Debug, Clone)]
pub struct TruthAggregates {
    /// Decisions to leave, by plan and by all that the hazards depend on.
    pub ends_by_plan: Scores,
    pub ends_by_term: Scores,
    pub ends_by_engagement: Scores,
    pub ends_by_frailty: Scores,
    pub ends_by_channel: Scores,
    pub ends_by_tickets: Scores,
    pub ends_by_recovery: Scores,
    /// Reasons of the decisions to leave, by plan and reason.
    pub reasons: Scores,
    /// Failed attempts, by plan and term with whether the attempt before failed.
    pub failures: Scores,
    /// Failed attempts that were recovered, by plan and term.
    pub recoveries: Scores,
    /// Customers by plan and engagement in the first cycle.
    pub starts: CountMatrix,
    /// Cycles by the engagement of the cycle before and their own.
    pub transitions: CountMatrix,
    /// Cycles by plan with engagement, and problem tickets.
    pub problem_tickets: CountMatrix,
    /// Cycles with service to their end by plan, engagement and whether it is the first cycle, and how-to tickets.
    pub howto_tickets: CountMatrix,
    /// Customers by plan and class of frailty, and by plan and class of intensity.
    pub frailty: CountMatrix,
    pub intensity: CountMatrix,
    /// The lives of all customers, with the reasons of their ends.
    pub ends: LifeEnds,
    /// Customers by [`ActiveClass`] whose cycle begins on each day, and those whose service in a cycle ends before it.
    pub service_starts: CountMatrix,
    pub service_stops: CountMatrix,
}

/// All that the chance to be active depends on, except the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveClass {
    pub plan: usize,
    pub engagement: usize,
    /// The class of intensity.
    pub intensity: usize,
}

impl ActiveClass {
    /// The number of classes.
    pub const COUNT: usize = STATES * STATES * CLASSES;

    /// The number of classes without their intensity.
    pub const CELLS: usize = STATES * STATES;

    /// Returns all classes in the order of [`Self::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(|index| {
            let cell = index / CLASSES;
            Self { plan: cell / STATES, engagement: cell % STATES, intensity: index % CLASSES }
        })
    }

    pub fn index(self) -> usize {
        self.cell() * CLASSES + self.intensity
    }

    /// Returns the index of plan and engagement.
    pub fn cell(self) -> usize {
        self.plan * STATES + self.engagement
    }
}

impl TruthAggregates {
    pub fn new(model: &DerivedModel) -> Self {
        let days = model.days() as usize;
        Self {
            ends_by_plan: Scores::new(STATES),
            ends_by_term: Scores::new(2),
            ends_by_engagement: Scores::new(STATES),
            ends_by_frailty: Scores::new(CLASSES),
            ends_by_channel: Scores::new(STATES),
            ends_by_tickets: Scores::new(TICKETS),
            ends_by_recovery: Scores::new(2),
            reasons: Scores::new(STATES * DECISION_REASONS),
            failures: Scores::new(PLAN_TERMS * 2),
            recoveries: Scores::new(PLAN_TERMS),
            starts: CountMatrix::new(STATES, STATES),
            transitions: CountMatrix::new(STATES, STATES),
            problem_tickets: CountMatrix::new(STATES * STATES, TICKET_COUNTS),
            howto_tickets: CountMatrix::new(STATES * STATES * 2, TICKET_COUNTS),
            frailty: CountMatrix::new(STATES, CLASSES),
            intensity: CountMatrix::new(STATES, CLASSES),
            ends: LifeEnds::new(model.months(), REASONS.len()),
            service_starts: CountMatrix::new(ActiveClass::COUNT, days + 1),
            service_stops: CountMatrix::new(ActiveClass::COUNT, days + 1),
        }
    }

    /// Returns, for each day of the window, the customers of a class who are served.
    pub fn served(&self, class: ActiveClass) -> Vec<u64> {
        let mut served: u64 = 0;
        let days = self.service_starts.row(class.index()).iter().zip(self.service_stops.row(class.index()));
        let mut by_day: Vec<u64> = days
            .map(|(starts, stops)| {
                served = (served + starts).saturating_sub(*stops);
                served
            })
            .collect();
        by_day.pop();
        by_day
    }

    pub fn merge(&mut self, other: &Self) {
        self.ends.merge(&other.ends);
        for (scores, more) in [
            (&mut self.ends_by_plan, &other.ends_by_plan),
            (&mut self.ends_by_term, &other.ends_by_term),
            (&mut self.ends_by_engagement, &other.ends_by_engagement),
            (&mut self.ends_by_frailty, &other.ends_by_frailty),
            (&mut self.ends_by_channel, &other.ends_by_channel),
            (&mut self.ends_by_tickets, &other.ends_by_tickets),
            (&mut self.ends_by_recovery, &other.ends_by_recovery),
            (&mut self.reasons, &other.reasons),
            (&mut self.failures, &other.failures),
            (&mut self.recoveries, &other.recoveries),
        ] {
            scores.merge(more);
        }
        for (matrix, more) in [
            (&mut self.starts, &other.starts),
            (&mut self.transitions, &other.transitions),
            (&mut self.problem_tickets, &other.problem_tickets),
            (&mut self.howto_tickets, &other.howto_tickets),
            (&mut self.frailty, &other.frailty),
            (&mut self.intensity, &other.intensity),
            (&mut self.service_starts, &other.service_starts),
            (&mut self.service_stops, &other.service_stops),
        ] {
            matrix.merge(more);
        }
    }
}
