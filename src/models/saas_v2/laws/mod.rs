//! The laws of the model as tables of whole-number thresholds. They are built once and read by every draw.

mod chance;
mod gamma;
mod hazards;
mod minutes;
mod poisson;
mod steps;
mod usage;

pub use chance::Chance;
pub use hazards::{HazardTables, Hazards, MOST_COUNTED, Reason, Situation, place_of};
pub use minutes::{LEVELS, Minutes, MinutesLaws, steps_of};
pub use poisson::MOST_TICKETS;
pub use steps::Steps;
pub use usage::{plan_of_usage_class, usage_class};

use super::check::check;
use super::cycles::Cycles;
use super::parameters::{CLASSES, Parameters, Plan, RUNGS, STATES};
use crate::error::Result;
use crate::models::Window;
use crate::models::usage_kernel::UsageTables;
use crate::random::AliasTable;

/// The index of the plan without a price.
pub const FREE: u8 = 0;

/// The tables that turn random words into values.
#[derive(Debug)]
pub struct Laws {
    parameters: Parameters,
    window: Window,
    /// The cycles of the window.
    pub cycles: Cycles,
    /// The weight of each day for signups, scaled to a sum of 1.
    pub signup_weights: Vec<f64>,
    /// The signup day, counted from the window's first day.
    pub signup: AliasTable,
    /// The index of the plan.
    pub plan: AliasTable,
    /// The index of the region.
    pub region: AliasTable,
    /// The index of the channel.
    pub channel: AliasTable,
    /// The frailty of each class.
    pub frailty: [f64; CLASSES],
    /// The factor of the mean sessions of each class of intensity.
    pub intensity: [f64; CLASSES],
    /// The rungs to add to the number of seats: 0, 1 and 2 stand for one less, none and one more.
    pub seat_noise: AliasTable,
    /// The rungs to add to the number of seats, by class of intensity.
    pub rungs_of_intensity: [i32; CLASSES],
    /// The seats of each rung.
    pub ladder: [i32; RUNGS],
    /// The laws that differ between plans.
    pub plans: [PlanLaws; STATES],
    /// The next engagement, by engagement.
    pub next_engagement: [Steps<3>; STATES],
    /// The chance that a failed attempt is recovered.
    pub recovered: Chance,
    /// The number of days until a recovered payment.
    pub days_late: AliasTable,
    /// The chance that a problem ticket is technical.
    pub technical: Chance,
    /// The priority of a problem ticket.
    pub problem_priority: AliasTable,
    /// The priority of a how-to ticket.
    pub howto_priority: AliasTable,
    /// The decisions at the end of a cycle.
    pub hazards: HazardTables,
    /// Sessions and feature events.
    pub usage: UsageTables,
    /// Usage minutes.
    pub minutes: MinutesLaws,
}

/// The laws of one plan.
#[derive(Debug)]
pub struct PlanLaws {
    /// The chance of annual terms.
    pub annual: Chance,
    /// The price of a seat and month in hundredths.
    pub price_cents: i128,
    /// The rung of the ladder of seats before intensity and noise.
    pub rung: i32,
    /// The engagement in the first cycle of a spell.
    pub start: Steps<3>,
    /// The chance that a payment attempt fails: on monthly and on annual terms, without and with a failed attempt before.
    pub payment_failure: [[Chance; 2]; 2],
    /// The number of problem tickets of a cycle, by engagement.
    pub problem_tickets: [Steps<MOST_TICKETS>; STATES],
    /// The number of how-to tickets of a cycle, by engagement: in the first cycle, and in a later one.
    pub howto_tickets: [[Steps<MOST_TICKETS>; STATES]; 2],
    /// The chance to be active on a day whose factor is 1, by class of intensity and engagement.
    pub active: [[Chance; STATES]; CLASSES],
}

impl Laws {
    /// Checks `parameters` and builds their tables.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`](crate::error::Error::Misuse) if a value is out of range. The message names the key, its
    /// value and what is allowed.
    pub fn of(parameters: Parameters) -> Result<Self> {
        let window = check(&parameters)?;
        Ok(Self::new(parameters, window))
    }

    /// Builds the tables of checked `parameters`, whose window is `window`.
    pub(in crate::models::saas_v2) fn new(parameters: Parameters, window: Window) -> Self {
        let cycles = Cycles::new(window);
        let signup_weights = signup_weights(&parameters, window, &cycles);
        let intensity = gamma::class_means(parameters.intensity.variance);
        let frailty = gamma::class_means(parameters.frailty.variance);
        let tickets = &parameters.tickets;
        Self {
            signup: AliasTable::new(0, &signup_weights),
            signup_weights,
            plan: AliasTable::new(0, &parameters.plans.values().map(|plan| plan.share)),
            region: AliasTable::new(0, &parameters.regions.values().copied().collect::<Vec<_>>()),
            channel: AliasTable::new(0, &parameters.channels.values().map(|channel| channel.share)),
            seat_noise: of_shares(parameters.seats.noise.values()),
            rungs_of_intensity: parameters.intensity.rungs.map(|rungs| rungs as i32),
            ladder: parameters.seats.ladder.map(|seats| seats as i32),
            plans: parameters.plans.values().map(|plan| PlanLaws::new(&parameters, plan)),
            next_engagement: parameters
                .engagement
                .values()
                .map(|state| Steps::new(&state.next.values().map(|&share| share))),
            recovered: Chance::new(parameters.billing.recovered),
            days_late: days_late(&parameters),
            technical: Chance::new(tickets.technical),
            problem_priority: of_shares(tickets.problem_priority.values()),
            howto_priority: of_shares(tickets.howto_priority.values()),
            hazards: HazardTables::new(&parameters, frailty),
            usage: usage::usage_tables(&parameters, intensity),
            minutes: MinutesLaws::new(&parameters),
            frailty,
            intensity,
            cycles,
            parameters,
            window,
        }
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the days that a data set covers.
    pub fn window(&self) -> Window {
        self.window
    }
}

impl PlanLaws {
    fn new(parameters: &Parameters, plan: &Plan) -> Self {
        let states = parameters.engagement.values();
        let billing = &parameters.billing;
        let failure = |term: f64| [1.0, billing.repeat].map(|repeat| Chance::new(plan.payment_failure * repeat * term));
        let howto = |factor: f64| states.map(|state| ticket_count(factor * plan.howto_tickets * state.howto_tickets));
        Self {
            annual: Chance::new(plan.annual),
            price_cents: plan.price_cents(),
            rung: plan.rung as i32,
            start: Steps::new(&plan.start.values().map(|&share| share)),
            payment_failure: [1.0, billing.annual].map(failure),
            problem_tickets: states.map(|state| ticket_count(plan.problem_tickets * state.problem_tickets)),
            howto_tickets: [parameters.tickets.first_cycle, 1.0].map(howto),
            active: parameters
                .intensity
                .activity
                .map(|factor| states.map(|state| Chance::new(plan.active * state.activity * factor))),
        }
    }
}

fn of_shares<const N: usize>(shares: [&f64; N]) -> AliasTable {
    AliasTable::new(0, &shares.map(|&share| share))
}

fn ticket_count(mean: f64) -> Steps<MOST_TICKETS> {
    Steps::new(&poisson::tickets(mean))
}

/// Returns the weight of each day of the window for signups, scaled to a sum of 1.
fn signup_weights(parameters: &Parameters, window: Window, cycles: &Cycles) -> Vec<f64> {
    let signup = &parameters.signup;
    let week = signup.week.values();
    let weight = |day: u32| {
        let growth = libm::pow(1.0 + signup.growth, cycles.month_of(day) as f64);
        growth * week[weekday(window.first + day as i32)]
    };
    let weights: Vec<f64> = (0..cycles.days()).map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Returns the weekday of a number of days since 1970-01-01, which was a Thursday. Monday is 0.
pub fn weekday(day: i32) -> usize {
    (day + 3).rem_euclid(7) as usize
}

fn days_late(parameters: &Parameters) -> AliasTable {
    let billing = &parameters.billing;
    let days = 0..=billing.late_max - billing.late_min;
    let weights: Vec<f64> = days.map(|day| libm::pow(billing.decay, day as f64)).collect();
    AliasTable::new(billing.late_min as i32, &weights)
}
