//! The laws of saas-v2, tested on generated rows with a fixed seed.
//!
//! Outcomes are compared with the probabilities that the truth tables publish. The sum of outcome - p over a stratum,
//! divided by the root of the sum of p (1 - p), is standard normal. [`LIMIT`] is exceeded once in 150,000 such numbers,
//! and there are about 300.

use super::support::{data_set_of, each_customer, generated};
use saasgen::models::Column;
use saasgen::models::saas_v2::{self, Attempt, Cycle, Life, Outcome, Reason, SeededLaws};
use statrs::distribution::{ChiSquared, ContinuousCDF, Discrete, DiscreteCDF, Poisson};
use std::collections::BTreeMap;

const SEED: u64 = 42;
const COUNT: u64 = 60_000;

/// The largest standard normal number that is accepted, of either sign.
const LIMIT: f64 = 4.5;

/// The least p-value of a chi-square test that is accepted. There are about 40.
const LEAST_P: f64 = 1e-5;

/// Sums of outcomes and of their probabilities, by stratum.
#[derive(Default)]
struct Strata(BTreeMap<String, [f64; 3]>);

impl Strata {
    fn add(&mut self, stratum: String, outcome: bool, p: f64) {
        let sums = self.0.entry(stratum).or_default();
        sums[0] += f64::from(u8::from(outcome)) - p;
        sums[1] += p * (1.0 - p);
        sums[2] += 1.0;
    }

    /// Asserts that there are as many strata, and that no difference is too large.
    fn assert_as_published(&self, count: usize) {
        assert_eq!(self.0.len(), count, "{:?}", self.0.keys());
        for (stratum, [difference, variance, trials]) in &self.0 {
            let z = if *variance > 0.0 { difference / variance.sqrt() } else { *difference };
            assert!(z.abs() < LIMIT, "{stratum}: {z} from {trials} trials");
        }
    }
}

fn data_set() -> SeededLaws {
    data_set_of(|_| (), SEED)
}

/// Asserts that counts have the given probabilities. Values with fewer than five expected are one.
fn assert_chi_square(case: &str, counts: &[f64], probabilities: &[f64]) {
    let total: f64 = counts.iter().sum();
    let (mut statistic, mut cells, mut rest) = (0.0, 0, [0.0; 2]);
    for (&count, probability) in counts.iter().zip(probabilities) {
        let expected = total * probability;
        if expected >= 5.0 {
            statistic += (count - expected).powi(2) / expected;
            cells += 1;
        } else {
            rest = [rest[0] + count, rest[1] + expected];
        }
    }
    if rest[1] > 0.0 {
        statistic += (rest[0] - rest[1]).powi(2) / rest[1].max(1.0);
        cells += 1;
    } else {
        assert_eq!(rest[0], 0.0, "{case}: a value without probability");
    }
    assert!(total > 500.0, "{case}: only {total} values");
    if cells > 1 {
        let p = ChiSquared::new(f64::from(cells - 1)).unwrap().sf(statistic);
        assert!(p > LEAST_P, "{case}: p = {p:e} from {total} values");
    }
}

#[test]
fn decisions_follow_the_published_probability() {
    let mut strata = Strata::default();
    let data_set = data_set();
    each_customer(&data_set, COUNT, |life| {
        let Life { profile, cycles } = life;
        for cycle in cycles.iter().filter(|cycle| cycle.is_decided) {
            let chance = life.hazards(data_set.laws(), cycle).chance_to_leave();
            let (leaves, p) = (cycle.outcome == Outcome::Leaves, chance);
            let tickets = cycle.problem_tickets.min(3);
            let recovered = matches!(cycle.attempt, Attempt::Late(_));
            let phase = (cycle.number / 6).min(2);
            for stratum in [
                format!("plan {}, engagement {}", cycle.plan, cycle.engagement),
                format!("plan {}, tickets {tickets}", cycle.plan),
                format!("plan {}, phase {phase}", cycle.plan),
                format!("plan {}, channel {}", cycle.plan, profile.channel),
                format!("frailty {}", profile.frailty),
                format!("intensity {}", profile.intensity),
                format!("region {}", profile.region),
                format!("recovered {recovered}"),
                format!("annual {}", cycle.is_annual),
            ] {
                strata.add(stratum, leaves, p);
            }
        }
    });
    strata.assert_as_published(16 + 16 + 12 + 16 + 8 + 8 + 4 + 2 + 2);
}

#[test]
fn reasons_are_in_proportion_to_the_hazards() {
    let mut strata = Strata::default();
    let data_set = data_set();
    each_customer(&data_set, COUNT, |life| {
        for cycle in life.cycles.iter().filter(|cycle| cycle.outcome == Outcome::Leaves) {
            let hazards = life.hazards(data_set.laws(), cycle);
            for (reason, hazard) in [
                (Reason::Unused, hazards.unused),
                (Reason::Support, hazards.support),
                (Reason::Billing, hazards.billing),
                (Reason::Other, hazards.other),
            ] {
                let stratum = format!("plan {}, {reason:?}", cycle.plan);
                strata.add(stratum, cycle.reason == reason, hazard / hazards.total());
            }
        }
    });
    strata.assert_as_published(16);
}

#[test]
fn payments_fail_and_recover_as_published() {
    let data_set = data_set();
    let billing = &data_set.laws().parameters().billing;
    let (mut strata, mut days) = (Strata::default(), [0.0; 14]);
    each_customer(&data_set, COUNT, |life| {
        let mut has_failed = false;
        for cycle in life.cycles.iter().filter(|cycle| cycle.attempt != Attempt::None) {
            let fails = cycle.attempt != Attempt::Ok;
            let stratum = format!("plan {}, annual {}, after failure {has_failed}", cycle.plan, cycle.is_annual);
            let is_first = if cycle.number == 0 { "first" } else { &stratum };
            strata.add(is_first.into(), fails, cycle.payment_failure(data_set.laws()));
            if fails {
                let late = matches!(cycle.attempt, Attempt::Late(_));
                strata.add(format!("recovered, engagement {}", cycle.engagement), late, billing.recovered);
            }
            if let Attempt::Late(late) = cycle.attempt {
                days[late as usize - 2] += 1.0;
            }
            has_failed = fails;
        }
    });
    // On annual terms, a window of 18 months has one attempt at risk, so none follows a failure.
    strata.assert_as_published(1 + 6 + 3 + 4);
    let total: f64 = (0..14).map(|day| billing.decay.powi(day)).sum();
    let shares: Vec<f64> = (0..14).map(|day| billing.decay.powi(day) / total).collect();
    assert_chi_square("days late", &days, &shares);
}

#[test]
fn engagement_starts_and_moves_by_the_shares() {
    let data_set = data_set();
    let parameters = data_set.laws().parameters().clone();
    let (mut starts, mut moves) = ([[0.0; 4]; 4], [[0.0; 4]; 4]);
    each_customer(&data_set, COUNT, |life| {
        let engagements: Vec<usize> = life.cycles.iter().map(|cycle| usize::from(cycle.engagement)).collect();
        starts[usize::from(life.profile.plan)][engagements[0]] += 1.0;
        engagements.windows(2).for_each(|pair| moves[pair[0]][pair[1]] += 1.0);
    });
    for (state, (plan, own)) in parameters.plans.values().into_iter().zip(parameters.engagement.values()).enumerate() {
        assert_chi_square(&format!("start {state}"), &starts[state], &plan.start.values().map(|&share| share));
        assert_chi_square(&format!("from {state}"), &moves[state], &own.next.values().map(|&share| share));
    }
}

#[test]
fn problem_tickets_are_poisson_by_plan_and_engagement() {
    let data_set = data_set();
    let parameters = data_set.laws().parameters().clone();
    let mut counts = [[[0.0; 8]; 4]; 4];
    each_customer(&data_set, COUNT, |life| {
        for Cycle { plan, engagement, problem_tickets, .. } in &life.cycles {
            counts[usize::from(*plan)][usize::from(*engagement)][*problem_tickets as usize] += 1.0;
        }
    });
    for (plan, own) in parameters.plans.values().into_iter().enumerate() {
        for (engagement, state) in parameters.engagement.values().into_iter().enumerate() {
            let poisson = Poisson::new(own.problem_tickets * state.problem_tickets).unwrap();
            let shares: Vec<f64> = (0..8).map(|n| if n == 7 { poisson.sf(6) } else { poisson.pmf(n) }).collect();
            assert_chi_square(&format!("plan {plan}, engagement {engagement}"), &counts[plan][engagement], &shares);
        }
    }
}

#[test]
fn what_is_drawn_once_has_its_shares_and_is_independent() {
    let data_set = data_set();
    let parameters = data_set.laws().parameters().clone();
    let customers = generated(&data_set, saas_v2::CUSTOMERS, COUNT);
    let text = |index: usize| match &customers[index] {
        Column::Text(values) => values.iter().map(|&value| usize::from(value)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let (plan, region, channel, term) = (text(2), text(3), text(4), text(5));
    let Column::Date(signups) = &customers[1] else { panic!("{:?}", customers[1]) };
    let first = data_set.laws().window().first;
    let months: Vec<usize> = signups.iter().map(|signup| ((signup - first) / 31) as usize).collect();
    let weights: Vec<f64> = data_set.calendar().iter().map(|day| day.signup_weight).collect();
    let of_months: Vec<f64> = weights.chunks(31).map(|days| days.iter().sum()).collect();

    let shares: Vec<f64> = parameters.plans.values().map(|plan| plan.share).into();
    let of_regions: Vec<f64> = parameters.regions.values().copied().collect();
    let of_channels: Vec<f64> = parameters.channels.values().map(|channel| channel.share).into();
    let classes = vec![0.125; 8];
    let (mut frailty, mut intensity) = (Vec::new(), Vec::new());
    each_customer(&data_set, COUNT, |life| {
        frailty.push(usize::from(life.profile.frailty));
        intensity.push(usize::from(life.profile.intensity));
    });
    let traits = [
        ("signup", &months, &of_months),
        ("plan", &plan, &shares),
        ("region", &region, &of_regions),
        ("channel", &channel, &of_channels),
        ("frailty", &frailty, &classes),
        ("intensity", &intensity, &classes),
    ];
    for (at, (name, values, shares)) in traits.iter().enumerate() {
        for (other_name, others, other_shares) in &traits[at + 1..] {
            let mut counts = vec![0.0; shares.len() * other_shares.len()];
            values
                .iter()
                .zip(others.iter())
                .for_each(|(value, other)| counts[value * other_shares.len() + other] += 1.0);
            let joint: Vec<f64> = shares.iter().flat_map(|share| other_shares.iter().map(move |o| share * o)).collect();
            assert_chi_square(&format!("{name} and {other_name}"), &counts, &joint);
        }
    }
    for (index, own) in parameters.plans.values().into_iter().enumerate() {
        let terms = plan.iter().zip(&term).filter(|(plan, _)| **plan == index).map(|(_, term)| *term);
        let mut counts = [0.0; 2];
        terms.for_each(|term| counts[term] += 1.0);
        assert_chi_square(&format!("terms of plan {index}"), &counts, &[1.0 - own.annual, own.annual]);
    }
}

/// The rows of `usage_truth`, by customer and day.
fn usage_of(data_set: &SeededLaws, count: u64) -> BTreeMap<(u64, u32), (i32, i32, i32, bool)> {
    let columns = generated(data_set, saas_v2::USAGE_TRUTH, count);
    let first = data_set.laws().window().first;
    let [
        Column::Int64(ids),
        Column::Date(dates),
        Column::Int32(sessions),
        Column::Int32(minutes),
        Column::Int32(events),
        Column::Boolean(logged),
    ] = &columns[..]
    else {
        panic!("usage_truth has other columns")
    };
    let key = |row: usize| (ids[row] as u64, (dates[row] - first) as u32);
    (0..ids.len()).map(|row| (key(row), (sessions[row], minutes[row], events[row], logged[row]))).collect()
}

#[test]
fn activity_follows_the_cycle_and_the_day_and_logs_are_lost_at_the_rate_of_the_day() {
    const COUNT: u64 = 6_000;
    let data_set = data_set();
    let parameters = data_set.laws().parameters().clone();
    let usage = usage_of(&data_set, COUNT);
    let (mut strata, mut seen) = (Strata::default(), 0);
    each_customer(&data_set, COUNT, |life| {
        let Life { profile, cycles } = life;
        let factor = parameters.intensity.activity[usize::from(profile.intensity)];
        for cycle in cycles {
            let state = parameters.engagement.values()[usize::from(cycle.engagement)];
            let level = parameters.plans.values()[usize::from(cycle.plan)].active * state.activity * factor;
            for day in cycle.first..cycle.service_end {
                let calendar = &data_set.calendar()[day as usize];
                let row = usage.get(&(profile.id, day));
                let p = level * calendar.week * calendar.season * calendar.incident;
                for stratum in [
                    format!("plan {}, engagement {}", cycle.plan, cycle.engagement),
                    format!("intensity {}", profile.intensity),
                    format!("weekday {}", day % 7),
                    format!("season {}", calendar.season),
                    format!("incident {}", calendar.incident),
                    format!("place in the cycle {}", (day - cycle.first) / 8),
                ] {
                    strata.add(stratum, row.is_some(), p);
                }
                if let Some((.., logged)) = row {
                    strata.add(format!("lost, weekday {}", day % 7), !logged, calendar.loss_rate);
                    seen += 1;
                }
            }
        }
    });
    assert_eq!(seen, usage.len(), "rows outside of service");
    strata.assert_as_published(16 + 8 + 7 + 4 + 2 + 4 + 7);
}

/// Sessions are Poisson without 0 by plan and class of intensity, events Poisson by sessions. Minutes are compared by
/// mean and variance of their distance from the mean in standard deviations.
#[test]
fn usage_of_an_active_day_has_its_distributions() {
    const COUNT: u64 = 12_000;
    let data_set = data_set();
    let laws = data_set.laws();
    let parameters = laws.parameters().clone();
    let usage = usage_of(&data_set, COUNT);
    let mut sessions = vec![vec![0.0; 400]; 32];
    let (mut events, mut minutes) = (vec![vec![0.0; 200]; 6], vec![Vec::new(); 4]);
    each_customer(&data_set, COUNT, |life| {
        let Life { profile, .. } = life;
        let plan = parameters.plans.values()[usize::from(profile.plan)];
        for (_, &(n, time, count, _)) in usage.range((profile.id, 0)..(profile.id + 1, 0)) {
            sessions[usize::from(profile.plan * 8 + profile.intensity)][n as usize] += 1.0;
            if n <= 5 {
                events[n as usize][count as usize] += 1.0;
            }
            if n >= 10 {
                let sd = parameters.usage.minutes_sd * plan.minutes * f64::from(n).sqrt();
                minutes[usize::from(profile.plan)].push((f64::from(time) - f64::from(n) * plan.minutes) / sd);
            }
        }
    });
    for (class, counts) in sessions.iter().enumerate() {
        let mean = parameters.plans.values()[class / 8].sessions * laws.intensity[class % 8];
        let poisson = Poisson::new(mean).unwrap();
        let some = -f64::exp_m1(-mean);
        let shares: Vec<f64> = (0..400).map(|n| if n == 0 { 0.0 } else { poisson.pmf(n) / some }).collect();
        assert_chi_square(&format!("sessions of class {class}"), counts, &shares);
    }
    for (n, counts) in events.iter().enumerate().skip(1) {
        let poisson = Poisson::new(parameters.usage.events_per_session * n as f64).unwrap();
        let shares: Vec<f64> = (0..200).map(|count| poisson.pmf(count)).collect();
        assert_chi_square(&format!("events of {n} sessions"), counts, &shares);
    }
    for (plan, distances) in minutes.iter().enumerate().skip(1) {
        let count = distances.len() as f64;
        let mean = distances.iter().sum::<f64>() / count;
        let variance = distances.iter().map(|distance| distance * distance).sum::<f64>() / count;
        assert!(mean.abs() < LIMIT / count.sqrt(), "plan {plan}: {mean}");
        // Whole minutes add 1/12 of the square of a minute to the variance.
        assert!((variance - 1.0).abs() < LIMIT * (2.0 / count).sqrt() + 0.005, "plan {plan}: {variance}");
    }
}

/// The sum of all changes up to a day is the recurring revenue of the customers of that day, to the cent.
#[test]
fn changes_of_revenue_sum_to_the_revenue_of_each_day() {
    let data_set = data_set();
    let events = generated(&data_set, saas_v2::SUBSCRIPTIONS, COUNT);
    let (Column::Int64(customers), Column::Date(dates), Column::Money(mrr), Column::Money(changes)) =
        (&events[1], &events[2], &events[7], &events[8])
    else {
        panic!("subscriptions have other columns")
    };
    let mut now: BTreeMap<i64, i128> = BTreeMap::new();
    let mut order: Vec<usize> = (0..dates.len()).collect();
    order.sort_by_key(|&row| dates[row]);
    let mut sum = 0;
    for row in order {
        let before = now.insert(customers[row], mrr[row]).unwrap_or(0);
        assert_eq!(mrr[row] - before, changes[row], "event {row}");
        sum += changes[row];
    }
    assert_eq!(sum, now.values().sum::<i128>());
    assert!(sum > 0);
}
