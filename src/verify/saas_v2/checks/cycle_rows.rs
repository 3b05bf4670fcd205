//! The rows of `cycles_truth` of one customer.

use super::customer::CustomerRows;
use crate::models::saas_v2::{Hazards, PlanTerm};
use crate::verify::saas_v2::derived_model::{DerivedModel, STATES};

/// A row of `cycles_truth`. Days are counted from the window's first day.
#[derive(Debug, Clone, Copy)]
pub struct CycleRow {
    /// The row in the table.
    pub row: usize,
    pub cycle: usize,
    pub first: i32,
    /// The last day of service.
    pub last: i32,
    pub engagement: usize,
    /// At most 7.
    pub problem_tickets: usize,
    pub attempt: u8,
    pub p_fail: f64,
    pub p_end: f64,
    pub hazards: Hazards,
    pub is_decided: bool,
    pub outcome: u8,
    pub reason: u8,
    /// Whether the payment attempt before failed.
    pub has_failed_before: bool,
}

pub const NO_ATTEMPT: u8 = 0;
pub const ATTEMPT_OK: u8 = 1;
pub const ATTEMPT_LATE: u8 = 2;
pub const ATTEMPT_FAILED: u8 = 3;

pub const STAYS: u8 = 0;
pub const LEAVES: u8 = 1;
pub const UNPAID: u8 = 2;
pub const OPEN: u8 = 3;

pub const NO_REASON: u8 = 0;
pub const PAYMENT: u8 = 5;

/// The most problem tickets of a cycle.
pub const MOST_TICKETS: usize = 7;

impl CycleRow {
    /// Reads the rows of a customer. Returns `None` if a name is unknown, which is a violation.
    pub fn read_all(model: &DerivedModel, part: &CustomerRows<'_>) -> Option<Vec<Self>> {
        let table = part.table;
        let mut has_failed_before = false;
        let cycles = part.rows().map(|row| {
            let name = |column: usize, names: u8| Some(table.text(column)[row]).filter(|&code| code < names);
            let attempt = name(11, 4)?;
            let float = |column: usize| table.floats(column)[row];
            let cycle = Self {
                row,
                cycle: table.int32(1)[row].max(0) as usize,
                first: model.day(table.dates(4)[row]),
                last: model.day(table.dates(5)[row]),
                engagement: usize::from(name(9, STATES as u8)?),
                problem_tickets: (table.int32(10)[row].max(0) as usize).min(MOST_TICKETS),
                attempt,
                p_fail: float(12),
                p_end: float(13),
                hazards: Hazards { unused: float(14), support: float(15), billing: float(16), other: float(17) },
                is_decided: table.booleans(18)[row],
                outcome: name(19, 4)?,
                reason: name(20, 6)?,
                has_failed_before,
            };
            match attempt {
                NO_ATTEMPT => (),
                ATTEMPT_OK => has_failed_before = false,
                _ => has_failed_before = true,
            }
            Some(cycle)
        });
        cycles.collect()
    }

    /// Returns whether the payment attempt failed.
    pub fn has_failed(&self) -> bool {
        self.attempt == ATTEMPT_LATE || self.attempt == ATTEMPT_FAILED
    }

    /// Returns whether the payment attempt can fail. The first one of a spell can't.
    pub fn is_at_risk(&self, of: PlanTerm) -> bool {
        self.cycle > 0 && of.is_payment_due(self.cycle)
    }

    /// Returns the hazards in the order of the reasons from 1.
    pub fn hazards_by_reason(&self) -> [f64; STATES] {
        [self.hazards.unused, self.hazards.support, self.hazards.billing, self.hazards.other]
    }
}
