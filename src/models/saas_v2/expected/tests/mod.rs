//! Tests of the expectations: against closed forms of simpler models, and against generated data.

mod closed_forms;
mod generated;
mod rows;
mod unpaid;

use super::super::laws::Laws;
use super::super::parameters::{EngagementParameters, Parameters, Plan};

/// Returns the laws of the default model with changes.
fn laws(change: impl FnOnce(&mut Parameters)) -> Laws {
    let mut parameters = Parameters::saas_v2().unwrap();
    change(&mut parameters);
    Laws::of(parameters).unwrap()
}

fn plans(parameters: &mut Parameters) -> [&mut Plan; 4] {
    let plans = &mut parameters.plans;
    [&mut plans.free, &mut plans.basic, &mut plans.pro, &mut plans.enterprise]
}

fn engagements(parameters: &mut Parameters) -> [&mut EngagementParameters; 4] {
    let engagement = &mut parameters.engagement;
    [&mut engagement.thriving, &mut engagement.steady, &mut engagement.fading, &mut engagement.dormant]
}

/// Makes all customers of a plan alike.
fn without_differences(parameters: &mut Parameters) {
    parameters.frailty.variance = 0.0;
    let channels = &mut parameters.channels;
    for channel in [&mut channels.organic, &mut channels.paid, &mut channels.referral, &mut channels.partner] {
        channel.hazard = 1.0;
    }
    for state in engagements(parameters) {
        (state.unused, state.problem_tickets, state.howto_tickets) = (1.0, 1.0, 1.0);
    }
    parameters.tickets.first_cycle = 1.0;
}

/// Removes every cause of an end.
fn without_ends(parameters: &mut Parameters) {
    for plan in plans(parameters) {
        (plan.unused, plan.support, plan.billing, plan.other, plan.payment_failure) = (0.0, 0.0, 0.0, 0.0, 0.0);
    }
}

/// Makes all days alike.
fn certain_days(parameters: &mut Parameters) {
    let activity = &mut parameters.activity;
    (activity.holidays, activity.christmas_eve, activity.christmas, activity.incident) = (1.0, 1.0, 1.0, 1.0);
    let week = &mut activity.week;
    for day in [&mut week.mon, &mut week.tue, &mut week.wed, &mut week.thu, &mut week.fri, &mut week.sat, &mut week.sun]
    {
        *day = 1.0;
    }
}

fn assert_close(found: f64, expected: f64, tolerance: f64, case: &str) {
    assert!((found - expected).abs() <= tolerance, "{case}: {found} instead of {expected}");
}
