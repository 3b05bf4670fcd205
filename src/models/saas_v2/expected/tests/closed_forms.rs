//! Lives against closed forms. Probabilities are rounded to multiples of 2^-32, at most four of them in a cycle.

use super::super::super::laws::{FREE, Laws};
use super::super::super::parameters::{ByEngagement, Parameters};
use super::super::expected_curves;
use super::super::lives::{CycleOdds, lives};
use super::super::plan_term::PlanTerm;
use super::{assert_close, engagements, laws, plans, without_differences, without_ends};

/// What rounding may add up to in 120 cycles.
const ROUNDING: f64 = 120.0 * 4.0 / 4_294_967_296.0;

/// Calls `check` with each plan and term, its cycles, and a text that names them.
fn for_each_life(laws: &Laws, check: impl Fn(PlanTerm, &[CycleOdds], &str)) {
    for of in PlanTerm::ALL {
        let cycles = lives(laws, of);
        assert_eq!(cycles.len(), laws.cycles.months());
        check(of, &cycles, &format!("{of:?}"));
    }
}

fn plan(parameters: &Parameters, of: PlanTerm) -> &super::super::super::parameters::Plan {
    parameters.plans.values()[usize::from(of.plan)]
}

/// Returns the number of decisions before a cycle.
fn decisions_before(of: PlanTerm, cycle: usize) -> f64 {
    if of.is_annual { (cycle / 12) as f64 } else { cycle as f64 }
}

#[test]
fn customers_who_are_all_alike_leave_at_a_constant_rate() {
    let laws = laws(|parameters| {
        without_differences(parameters);
        parameters.window.months = 120;
        for plan in plans(parameters) {
            (plan.support, plan.billing, plan.payment_failure) = (0.0, 0.0, 0.0);
        }
    });
    let parameters = laws.parameters();
    for_each_life(&laws, |of, cycles, case| {
        let own = plan(parameters, of);
        let due = if of.is_annual { 12.0 * parameters.decision.renewal } else { 1.0 };
        let hazard = due * (own.unused + own.other);
        for (cycle, odds) in cycles.iter().enumerate() {
            let survival = (-hazard * decisions_before(of, cycle)).exp();
            assert_close(odds.starts, survival, ROUNDING, case);
            let leaves = if of.is_renewal_due(cycle) { survival * -(-hazard).exp_m1() } else { 0.0 };
            let unused = leaves * own.unused / (own.unused + own.other);
            assert_close(odds.ends[0], unused, ROUNDING, case);
            assert_close(odds.ends[3], leaves - unused, ROUNDING, case);
            assert_eq!([odds.ends[1], odds.ends[2], odds.ends[4]], [0.0; 3], "{case}");
            assert_close(odds.hazard(), leaves / survival, ROUNDING / survival, case);
            let decides = if of.is_renewal_due(cycle) { survival } else { 0.0 };
            assert_close(odds.decides, decides, ROUNDING, case);
        }
    });
}

#[test]
fn customers_who_differ_leave_as_a_mixture() {
    let laws = laws(|parameters| {
        parameters.window.months = 60;
        for state in engagements(parameters) {
            state.unused = 1.0;
        }
        for plan in plans(parameters) {
            (plan.support, plan.billing, plan.other, plan.payment_failure) = (0.0, 0.0, 0.0, 0.0);
        }
    });
    let parameters = laws.parameters();
    for_each_life(&laws, |of, cycles, case| {
        let due = if of.is_annual { 12.0 * parameters.decision.renewal } else { 1.0 };
        let hazard = due * plan(parameters, of).unused;
        for (cycle, odds) in cycles.iter().enumerate() {
            let channels = parameters.channels.values();
            let of_channels = channels.iter().map(|channel| {
                let of_class = |frailty: f64| (-channel.hazard * frailty * hazard * decisions_before(of, cycle)).exp();
                channel.share * laws.frailty.map(of_class).iter().sum::<f64>() / 8.0
            });
            assert_close(odds.starts, of_channels.sum(), ROUNDING, case);
        }
    });
}

/// The chain of attempts has two states, which are written out here.
#[test]
fn payments_alone_end_lives_as_a_chain_of_two_states() {
    for repeat in [1.0, 3.0] {
        let laws = laws(|parameters| {
            parameters.window.months = 40;
            parameters.billing.repeat = repeat;
            let failures = [0.0, 0.065, 0.050, 0.025];
            without_ends(parameters);
            for (plan, failure) in plans(parameters).into_iter().zip(failures) {
                plan.payment_failure = failure;
            }
        });
        let billing = &laws.parameters().billing;
        for_each_life(&laws, |of, cycles, case| {
            let failure = plan(laws.parameters(), of).payment_failure;
            let failure = if of.is_annual { failure * billing.annual } else { failure };
            let (mut after_success, mut after_failure) = (1.0, 0.0);
            for (cycle, odds) in cycles.iter().enumerate() {
                let starts = after_success + after_failure;
                assert_close(odds.starts, starts, ROUNDING, case);
                let is_due = of.plan != FREE && (!of.is_annual || cycle % 12 == 0);
                if !is_due {
                    assert_eq!((odds.attempts, odds.ends), ([0.0; 3], [0.0; 5]), "{case}");
                    continue;
                }
                let fails = if cycle == 0 { 0.0 } else { failure * (after_success + repeat * after_failure) };
                let attempts = [starts - fails, fails * billing.recovered, fails * (1.0 - billing.recovered)];
                for (found, expected) in odds.attempts.iter().zip(attempts) {
                    assert_close(*found, expected, ROUNDING, case);
                }
                assert_close(odds.ends[4], attempts[2], ROUNDING, case);
                assert_close(odds.unpaid.iter().sum(), attempts[2], ROUNDING, case);
                [after_success, after_failure, _] = attempts;
            }
        });
    }
}

#[test]
fn tickets_end_lives_with_at_most_three_of_them_counted() {
    let laws = laws(|parameters| {
        without_differences(parameters);
        without_ends(parameters);
        for (plan, mean) in plans(parameters).into_iter().zip([0.12, 0.8, 2.5, 5.0]) {
            (plan.support, plan.problem_tickets) = (0.4, mean);
        }
    });
    let parameters = laws.parameters();
    for_each_life(&laws, |of, cycles, case| {
        let mean = plan(parameters, of).problem_tickets;
        let hazard = 0.4 * if of.is_annual { 12.0 * parameters.decision.renewal } else { 1.0 };
        let counted = [1.0, mean, mean * mean / 2.0].map(|term| term * (-mean).exp());
        let three = 1.0 - counted.iter().sum::<f64>();
        let stays: f64 = (0..).zip(counted).map(|(n, p)| p * (-hazard * f64::from(n)).exp()).sum::<f64>()
            + three * (-3.0 * hazard).exp();
        for (cycle, odds) in cycles.iter().enumerate() {
            assert_close(odds.starts, stays.powf(decisions_before(of, cycle)), 10.0 * ROUNDING, case);
        }
    });
}

/// On annual terms no renewal is due in the cycle of a payment, so a recovered payment has no effect there.
#[test]
fn recovered_payments_end_lives_on_monthly_terms() {
    let laws = laws(|parameters| {
        without_differences(parameters);
        without_ends(parameters);
        (parameters.billing.repeat, parameters.billing.recovered) = (1.0, 1.0);
        for plan in &mut plans(parameters)[1..] {
            (plan.billing, plan.payment_failure) = (0.5, 0.2);
        }
    });
    for_each_life(&laws, |of, cycles, case| {
        let stays: f64 = if of.plan == FREE || of.is_annual { 1.0 } else { 0.8 + 0.2 * (-0.5_f64).exp() };
        for (cycle, odds) in cycles.iter().enumerate() {
            assert_close(odds.starts, stays.powi(cycle.saturating_sub(1) as i32), ROUNDING, case);
        }
    });
}

#[test]
fn engagement_of_customers_who_stay_is_a_markov_chain() {
    let laws = laws(without_ends);
    let parameters = laws.parameters();
    let next = parameters.engagement.values().map(|state| state.next.values().map(|&share| share));
    for_each_life(&laws, |of, cycles, case| {
        let mut shares = ByEngagement::values(&plan(parameters, of).start).map(|&share| share);
        for odds in cycles {
            for (found, expected) in odds.engagement.iter().zip(shares) {
                assert_close(*found, expected, 1e-9, case);
            }
            shares = std::array::from_fn(|to| (0..4).map(|from| shares[from] * next[from][to]).sum());
        }
    });
}

#[test]
fn whoever_starts_a_cycle_ends_or_starts_the_next_one() {
    let laws = laws(|parameters| parameters.window.months = 120);
    for_each_life(&laws, |of, cycles, case| {
        assert_close(cycles[0].starts, 1.0, 1e-12, case);
        for pair in cycles.windows(2) {
            let ended: f64 = pair[0].ends.iter().sum();
            assert_close(pair[1].starts, pair[0].starts - ended, 1e-12, case);
        }
        for (cycle, odds) in cycles.iter().enumerate() {
            assert_close(odds.engagement.iter().sum(), odds.starts, 1e-12, case);
            assert_close(odds.unpaid.iter().sum(), odds.ends[4], 1e-12, case);
            let attempts = if of.is_payment_due(cycle) { odds.starts } else { 0.0 };
            assert_close(odds.attempts.iter().sum(), attempts, 1e-12, case);
            assert!(odds.ends.iter().all(|&chance| (0.0..1.0).contains(&chance)), "{case}: {odds:?}");
        }
    });
    let shares: f64 = PlanTerm::ALL.iter().map(|of| of.share(&laws)).sum();
    assert_close(shares, 1.0, 1e-12, "shares");
}

#[test]
fn curves_hold_survival_incidence_activity_and_revenue() {
    let laws = laws(|_| ());
    let points = expected_curves(&laws);
    assert_eq!(points.len(), 7 * 18);
    for (place, point) in points.iter().enumerate() {
        let case = format!("{point:?}");
        assert_eq!((point.of, point.cycle as usize), (PlanTerm::ALL[place / 18], place % 18));
        if point.cycle > 0 {
            let before = &points[place - 1];
            assert_close(point.survival, 1.0 - before.incidence.iter().sum::<f64>(), 1e-12, &case);
            assert_close(point.survival, before.survival * (1.0 - before.hazard), 1e-12, &case);
            assert_close(point.mrr, point.survival * points[place - place % 18].mrr, 1e-9, &case);
        }
    }
    // The rung of Basic is 2, plus -2 -1 -1 0 0 1 1 2 by class, plus -1 0 1 with 1/4 1/2 1/4. So the rungs 0 to 5 have
    // 5 7 8 7 4 1 of 32, of which 0 includes what is below. They have 1 2 3 5 8 13 seats.
    let seats = (5.0 + 7.0 * 2.0 + 8.0 * 3.0 + 7.0 * 5.0 + 4.0 * 8.0 + 13.0) / 32.0;
    for (place, mrr) in [(0, 0.0), (18, seats * 12.0), (2 * 18, seats * 10.0)] {
        assert_close(points[place].mrr, mrr, 1e-9, "mrr");
    }
}

#[test]
fn active_days_are_those_of_a_cycle_of_average_length() {
    let laws = laws(|parameters| {
        without_ends(parameters);
        for state in engagements(parameters) {
            state.activity = 1.0;
        }
        parameters.plans.basic.payment_failure = 0.1;
        (parameters.billing.repeat, parameters.billing.recovered) = (1.0, 0.0);
        parameters.intensity.activity = [0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0];
        (parameters.activity.incident_share, parameters.activity.incident) = (0.2, 0.5);
    });
    let calendar = (0..550).map(|day| crate::models::saas_v2::CalendarDay::new(&laws, 0, day));
    let day_factor = calendar.map(|day| day.week * day.season).sum::<f64>() / 550.0 * 0.9;
    for point in expected_curves(&laws) {
        let base = laws.parameters().plans.values()[usize::from(point.of.plan)].active * 0.75 * day_factor;
        let fails = match point.of {
            PlanTerm { plan: 1, is_annual: false } if point.cycle > 0 => 0.1,
            PlanTerm { plan: 1, is_annual: true } if point.cycle == 12 => 0.2,
            _ => 0.0,
        };
        let days = (1.0 - fails) * 550.0 / 18.0 + fails * 22.0;
        assert_close(point.active_days, point.survival * base * days, 1e-7, &format!("{point:?}"));
    }
}
