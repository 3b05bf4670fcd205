//! Numbers of rows of lives that end by unpaid invoices alone. Here every life has few courses, so all of them are
//! enumerated: by the cycle whose payment never comes.

use super::super::super::laws::Laws;
use super::super::super::parameters::Parameters;
use super::super::super::tables;
use super::super::RowMoments;
use super::{assert_close, certain_days, engagements, laws, plans, without_differences, without_ends};
use crate::models::{Day, Table};

const FAILURE: f64 = 0.15;
const GRACE: u32 = 9;
const ACTIVE: f64 = 0.3;
const TICKETS: f64 = 0.02;
const RANGES: [std::ops::Range<u32>; 4] = [0..550, 100..161, 300..301, 549..550];

/// All customers pay monthly. No customer leaves by decision, and no failed payment is recovered.
fn unpaid_laws(change: impl FnOnce(&mut Parameters)) -> Laws {
    laws(|parameters| {
        without_ends(parameters);
        without_differences(parameters);
        certain_days(parameters);
        parameters.intensity.activity = [1.0; 8];
        for state in engagements(parameters) {
            state.activity = 1.0;
        }
        (parameters.logs.loss_min, parameters.logs.loss_max) = (0.0, 0.0);
        for plan in plans(parameters) {
            (plan.share, plan.annual, plan.active, plan.payment_failure) = (0.0, 0.0, ACTIVE, FAILURE);
            (plan.problem_tickets, plan.howto_tickets) = (TICKETS, 0.0);
        }
        parameters.plans.basic.share = 1.0;
        let billing = &mut parameters.billing;
        (billing.repeat, billing.annual, billing.recovered) = (1.0, 1.0, 0.0);
        (billing.grace, billing.late_max) = (i64::from(GRACE), 8);
        change(parameters);
    })
}

/// One course of a life.
struct Course {
    probability: f64,
    /// The first days of the cycles, and the day after the last one's last day.
    anniversaries: Vec<u32>,
    /// The day after the last day of service, which can be after the window.
    service_end: u32,
    is_unpaid: bool,
}

fn courses(laws: &Laws, signup: u32) -> Vec<Course> {
    let of = laws.cycles.signup(signup);
    let cycles = laws.cycles.months() - laws.cycles.month_of(signup);
    let anniversaries: Vec<u32> = (0..=cycles).map(|cycle| laws.cycles.anniversary(of, cycle)).collect();
    let paid = |cycles: usize| (1.0 - FAILURE).powi(cycles as i32 - 1);
    let unpaid = (1..cycles).map(|cycle| Course {
        probability: paid(cycle) * FAILURE,
        anniversaries: anniversaries[..cycle + 2].to_vec(),
        service_end: anniversaries[cycle] + GRACE + 1,
        is_unpaid: true,
    });
    let stays = Course {
        probability: paid(cycles),
        service_end: anniversaries[cycles],
        anniversaries: anniversaries.clone(),
        is_unpaid: false,
    };
    unpaid.chain(std::iter::once(stays)).collect()
}

/// Returns mean and variance of the number of rows on the days asked for, given the course of a life.
fn given(course: &Course, table: Table, signup: u32, asked: &std::ops::Range<u32>) -> (f64, f64) {
    let served =
        |start: u32, end: u32| (start..end.min(course.service_end)).filter(|day| asked.contains(day)).count() as f64;
    let cycles = course.anniversaries.windows(2).map(|ends| (ends[0], ends[1]));
    match table.name() {
        "usage_daily" | "usage_truth" => {
            let days = served(signup, course.service_end);
            (days * ACTIVE, days * ACTIVE * (1.0 - ACTIVE))
        }
        "support" => {
            let cycles: f64 = cycles.map(|(start, end)| served(start, end) / f64::from(end - start)).sum();
            (cycles * TICKETS, cycles * TICKETS)
        }
        "billing" | "cycles_truth" => (cycles.filter(|(start, _)| asked.contains(start)).count() as f64, 0.0),
        _ => {
            let ends = course.is_unpaid && asked.contains(&(course.service_end - 1));
            (f64::from(u8::from(asked.contains(&signup)) + u8::from(ends)), 0.0)
        }
    }
}

#[test]
fn rows_are_those_of_all_courses_of_life() {
    let laws = unpaid_laws(|_| ());
    let first = laws.window().first;
    for table in [
        tables::USAGE_DAILY,
        tables::USAGE_TRUTH,
        tables::SUPPORT,
        tables::BILLING,
        tables::CYCLES_TRUTH,
        tables::SUBSCRIPTIONS,
    ] {
        let moments = RowMoments::new(&laws, table);
        for asked in RANGES {
            let (mut mean, mut squares) = (0.0, 0.0);
            for (signup, weight) in (0..).zip(&laws.signup_weights) {
                for course in courses(&laws, signup) {
                    let (own_mean, own_variance) = given(&course, table, signup, &asked);
                    mean += weight * course.probability * own_mean;
                    squares += weight * course.probability * (own_variance + own_mean * own_mean);
                }
            }
            let found = moments.in_days(&laws, &(first + asked.start as Day..first + asked.end as Day));
            let case = format!("{table:?} {asked:?}");
            assert!(mean > 0.0, "{case}: nothing to compare");
            assert_close(found.mean(), mean, 1e-6 * mean, &case);
            assert_close(found.variance(), squares - mean * mean, 1e-6 * squares, &case);
            assert_eq!(found.covariance(), 0.0, "{case}");
        }
    }
}

/// Half of the days have an incident on which nobody is active, so the factor of a day has a variance of 1/4.
#[test]
fn customers_share_days_while_they_are_served() {
    let laws = unpaid_laws(|parameters| {
        (parameters.activity.incident, parameters.activity.incident_share) = (0.0, 0.5);
    });
    let first = laws.window().first;
    let mut active = [0.0; 550];
    for (signup, weight) in (0..).zip(&laws.signup_weights) {
        for course in courses(&laws, signup) {
            for active in &mut active[signup as usize..course.service_end.min(550) as usize] {
                *active += weight * course.probability * ACTIVE;
            }
        }
    }
    let moments = RowMoments::new(&laws, tables::USAGE_TRUTH);
    for asked in RANGES {
        let covariance: f64 = asked.clone().map(|day| 0.25 * active[day as usize] * active[day as usize]).sum();
        let found = moments.in_days(&laws, &(first + asked.start as Day..first + asked.end as Day));
        assert_close(found.covariance(), covariance, 1e-6 * covariance, &format!("{asked:?}"));
    }
}
