//! Counts the rows of `cycles_truth` for the laws.

use super::customer::Customer;
use super::cycle_rows::{ATTEMPT_LATE, CycleRow, LEAVES, UNPAID};
use super::hazards::FrailtyClasses;
use crate::models::saas_v2::PlanTerm;
use crate::verify::saas_v2::aggregates::{Aggregates, TruthAggregates};
use crate::verify::saas_v2::derived_model::{DerivedModel, STATES};

/// The most problem tickets that raise the hazard.
const MOST_COUNTED: usize = 3;

/// Counts the cycles of a customer, whose frailty is of one of `classes`.
pub fn count(
    model: &DerivedModel,
    customer: &Customer,
    cycles: &[CycleRow],
    classes: FrailtyClasses,
    aggregates: &mut Aggregates,
) {
    let truth = &mut aggregates.truth;
    let plan = usize::from(customer.terms.plan);
    let of = PlanTerm { plan: customer.terms.plan, is_annual: customer.terms.is_annual };
    let mut before: Option<&CycleRow> = None;
    for cycle in cycles {
        match before.replace(cycle) {
            None => truth.starts.add(plan, cycle.engagement, 1),
            Some(before) => truth.transitions.add(before.engagement, cycle.engagement, 1),
        }
        truth.problem_tickets.add(plan * STATES + cycle.engagement, cycle.problem_tickets, 1);
        if cycle.is_at_risk(of) {
            let stratum = customer.terms.plan_term() * 2 + usize::from(cycle.has_failed_before);
            truth.failures.add(stratum, cycle.p_fail, cycle.has_failed());
        }
        if cycle.has_failed() {
            let recovered = model.parameters().billing.recovered;
            truth.recoveries.add(customer.terms.plan_term(), recovered, cycle.attempt == ATTEMPT_LATE);
        }
        if cycle.is_decided {
            count_decision(customer, cycle, classes, truth);
        }
    }
    let end = cycles.last().filter(|last| matches!(last.outcome, LEAVES | UNPAID));
    let end = end.and_then(|last| Some((last.cycle, usize::from(last.reason).checked_sub(1)?)));
    truth.ends.add(customer.terms.plan_term(), model.horizons[customer.signup as usize], end);
}

fn count_decision(customer: &Customer, cycle: &CycleRow, classes: FrailtyClasses, truth: &mut TruthAggregates) {
    let plan = usize::from(customer.terms.plan);
    let leaves = cycle.outcome == LEAVES;
    let recovered = usize::from(cycle.attempt == ATTEMPT_LATE);
    let strata = [
        (&mut truth.ends_by_plan, Some(plan)),
        (&mut truth.ends_by_term, Some(usize::from(customer.terms.is_annual))),
        (&mut truth.ends_by_engagement, Some(cycle.engagement)),
        (&mut truth.ends_by_frailty, classes.first()),
        (&mut truth.ends_by_channel, customer.channel.map(usize::from)),
        (&mut truth.ends_by_tickets, Some(cycle.problem_tickets.min(MOST_COUNTED))),
        (&mut truth.ends_by_recovery, Some(recovered)),
    ];
    for (scores, stratum) in strata {
        if let Some(stratum) = stratum {
            scores.add(stratum, cycle.p_end, leaves);
        }
    }
    if leaves {
        let total = cycle.hazards.total();
        for (index, hazard) in cycle.hazards_by_reason().into_iter().enumerate() {
            truth.reasons.add(plan * STATES + index, hazard / total, usize::from(cycle.reason) == index + 1);
        }
    }
}
