//! Checks of `support`.

use super::customer::{Customer, CustomerRows};
use super::cycle_rows::{CycleRow, MOST_TICKETS};
use super::numbers::Numbers;
use crate::models::Table;
use crate::models::saas_v2::SUPPORT;
use crate::verify::rules::Rule;
use crate::verify::saas_v2::aggregates::Aggregates;
use crate::verify::saas_v2::derived_model::{DerivedModel, STATES};
use crate::verify::saas_v2::rules;
use crate::verify::violations::Violations;

const TABLE: Table = SUPPORT;

const HOWTO: u8 = 2;
const CATEGORIES: u8 = 3;
const PRIORITIES: u8 = 3;

/// A ticket, with its date as a day of the window.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    day: i32,
    is_howto: bool,
}

/// Counts the tickets of a customer and records violations. Returns the tickets during service.
pub fn check(
    model: &DerivedModel,
    customer: &Customer,
    part: &CustomerRows<'_>,
    service_end: Option<i32>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) -> Vec<Ticket> {
    let table = part.table;
    let mut numbers = Numbers::of(customer.id);
    let mut tickets = Vec::with_capacity(part.range.len());
    for row in part.rows() {
        let mut record = |rule| violations.record(TABLE, rule, || table.describe(row, &model.source));
        if let Some(rule) = numbers.next(table.int64(0)[row]) {
            record(rule);
            if rule == Rule::UniqueKeys {
                continue;
            }
        }
        let (category, priority) = (table.text(3)[row], table.text(4)[row]);
        if category < CATEGORIES && priority < PRIORITIES {
            aggregates.categories.add(0, usize::from(category), 1);
            aggregates.priorities.add(usize::from(category == HOWTO), usize::from(priority), 1);
        }
        let day = model.day(table.dates(2)[row]);
        if !model.is_since(customer.signup, day) {
            record(rules::DATES);
            continue;
        }
        if service_end.is_some_and(|end| day > end) {
            record(rules::SERVICE);
            continue;
        }
        count_day(model, customer, day, aggregates);
        tickets.push(Ticket { day, is_howto: category == HOWTO });
    }
    tickets
}

/// Counts a ticket by its day of the cycle. Days after those of grace are left out: after an unpaid invoice they have no
/// service.
fn count_day(model: &DerivedModel, customer: &Customer, day: i32, aggregates: &mut Aggregates) {
    let first = customer.cycle_start(model, model.cycle_of(customer.signup, day));
    let number = day - first;
    if number <= model.grace() && first + model.grace() < model.days() {
        aggregates.ticket_days.add(0, number as usize, 1);
    }
}

/// Compares the tickets with the cycles, and counts the how-to tickets of each cycle. `tickets` are sorted by day.
pub fn check_cycles(
    model: &DerivedModel,
    customer: &Customer,
    cycles: &[CycleRow],
    tickets: &[Ticket],
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) {
    let mut tickets = tickets.iter().peekable();
    for cycle in cycles {
        while tickets.next_if(|ticket| ticket.day < cycle.first).is_some() {}
        let (mut problems, mut howto) = (0, 0);
        while let Some(ticket) = tickets.next_if(|ticket| ticket.day <= cycle.last) {
            *(if ticket.is_howto { &mut howto } else { &mut problems }) += 1;
        }
        let is_whole = cycle.last.saturating_add(1) == customer.cycle_start(model, cycle.cycle.saturating_add(1));
        let has_all = problems == cycle.problem_tickets;
        let fits = if is_whole { has_all } else { problems <= cycle.problem_tickets };
        if !fits || howto > MOST_TICKETS {
            violations.record(TABLE, rules::TICKETS, || {
                let (id, number, truth) = (customer.id, cycle.cycle, cycle.problem_tickets);
                format!(
                    "customer_id {id} has {problems} problem tickets in cycle {number}, and {truth} in cycles_truth"
                )
            });
        }
        if is_whole {
            let cell = usize::from(customer.terms.plan) * STATES + cycle.engagement;
            aggregates.truth.howto_tickets.add(cell * 2 + usize::from(cycle.cycle > 0), howto.min(MOST_TICKETS), 1);
        }
    }
}
