//! The usage of an active day as tables.

use super::super::parameters::{CLASSES, Parameters, STATES};
use super::minutes::{LEVELS, Minutes, normal_levels};
use super::packed::PackedTables;
use super::poisson;
use crate::random::philox::LANES;
use crate::random::{AliasTable, distributions};

/// The number of ages whose activity is tested together.
pub const AGES_PER_GROUP: usize = 8 * LANES;

/// The tables of sessions, usage minutes and feature events.
#[derive(Debug)]
pub struct UsageTables {
    /// Sessions, by plan and class of intensity: see [`UsageTables::class`].
    pub sessions: Vec<AliasTable>,
    /// Usage minutes, by plan.
    pub minutes: [Minutes; STATES],
    /// The positive values of the normal number of usage minutes.
    pub normal: [u16; LEVELS],
    /// Feature events, by sessions.
    pub events: Vec<AliasTable>,
    /// Sessions and feature events in the form for vector units, if they fit.
    pub packed: Option<PackedTables>,
}

impl UsageTables {
    pub(super) fn new(parameters: &Parameters, intensity: [f64; CLASSES]) -> Self {
        let plans = parameters.plans.values();
        let of_plan = |mean: f64| intensity.map(|factor| poisson::at_least_one(mean * factor));
        let sessions: Vec<AliasTable> = plans.into_iter().flat_map(|plan| of_plan(plan.sessions)).collect();
        let most = sessions.iter().map(AliasTable::largest).max().unwrap_or(0);
        let mean = parameters.usage.events_per_session;
        let events: Vec<AliasTable> = (0..=most).map(|count| distributions::poisson(mean * f64::from(count))).collect();
        Self {
            packed: PackedTables::new(&sessions, &events),
            sessions,
            minutes: plans.map(|plan| Minutes::new(plan.minutes, parameters.usage.minutes_sd)),
            normal: normal_levels(),
            events,
        }
    }

    /// Returns the index of the sessions of customers on `plan` with this class of intensity.
    #[inline(always)]
    pub fn class(plan: u8, intensity: u8) -> u8 {
        plan * CLASSES as u8 + intensity
    }
}
