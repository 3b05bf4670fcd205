//! What customers do on active days.

use super::retention::Activity;
use crate::verify::facts::{Facts, PlanFacts, Survival};
use crate::verify::statistics::{ChiSquare, Measured, Outcome, TOO_FEW, chi_square, normal, poisson, rounded_normal};
use crate::verify::tally::{Tally, UsageTally};

/// Rows from which on means, variances and correlations are near their normal laws.
const LEAST_ROWS: f64 = 500.0;

pub(super) fn laws(
    facts: &Facts,
    tally: &Tally,
    usage: &UsageTally,
    survival: Survival,
    law: &mut impl FnMut(String, Outcome),
) {
    let activity = Activity::new(facts, tally, usage, survival);
    let (groups, count) = activity.day_groups();
    law("rows by calendar day".into(), activity.by_day(|day| groups[day], count));
    law("rows by weekday".into(), activity.by_day(|day| day % 7, 7));
    law("retention by plan and age".into(), activity.by_age());
    activity.fit().into_iter().for_each(|(name, outcome)| law(name, outcome));
    law("rows a customer: var/expected".into(), activity.customer_dispersion());

    let per_session = facts.model.parameters().usage.events_per_session;
    for (index, plan) in facts.plans.iter().enumerate() {
        law(
            format!("sessions of {}", plan.name),
            against(usage.sessions.row(index), |values| sessions_law(plan, values)),
        );
    }
    law("feature_events given sessions".into(), events_given_sessions(usage, per_session));
    for (index, plan) in facts.plans.iter().enumerate() {
        let minutes = usage.minutes.row(index);
        law(format!("usage_minutes of {}", plan.name), against(minutes, |values| minutes_law(facts, plan, values)));
    }
    let moments: Vec<Option<Moments>> = (0..facts.plans.len()).map(|plan| Moments::of(usage, plan)).collect();
    let mut by_plan = |what: &str, figure: &dyn Fn(&Moments, &Theory) -> Outcome| {
        for (plan, moments) in facts.plans.iter().zip(&moments) {
            let theory = Theory { sessions: plan.mean_sessions, per_session };
            let outcome = moments.as_ref().map_or_else(|| Err(TOO_FEW.to_string()), |moments| figure(moments, &theory));
            law(format!("{what}, {}", plan.name), outcome);
        }
    };
    by_plan("sessions: var/mean", &|moments, theory| moments.dispersion(moments.sessions, theory.sessions()));
    by_plan("feature_events: var/mean", &|moments, theory| moments.dispersion(moments.events, theory.events()));
    by_plan("corr(sessions, feature_events)", &Moments::sessions_with_events);
    law("corr(sessions, usage_minutes)".into(), uncorrelated(&moments));
}

/// The law of a plan's sessions, over so many values.
pub(in crate::verify) fn sessions_law(plan: &PlanFacts, values: usize) -> Vec<f64> {
    poisson(plan.mean_sessions, values)
}

/// The law of a plan's minutes, over so many values.
pub(in crate::verify) fn minutes_law(facts: &Facts, plan: &PlanFacts, values: usize) -> Vec<f64> {
    let sd = plan.mean_minutes * facts.model.parameters().usage.minutes_sd;
    rounded_normal(plan.mean_minutes, sd, plan.minutes_limits, values)
}

/// The law of a plan's feature events whatever the sessions, over so many values.
pub(in crate::verify) fn events_law(facts: &Facts, plan: &PlanFacts, sessions: usize, values: usize) -> Vec<f64> {
    let mut law = vec![0.0; values];
    for (sessions, share) in poisson(plan.mean_sessions, sessions).into_iter().enumerate() {
        let given = poisson(facts.model.parameters().usage.events_per_session * sessions as f64, values);
        law.iter_mut().zip(given).for_each(|(sum, probability)| *sum += share * probability);
    }
    law
}

fn against(counts: &[u64], law: impl Fn(usize) -> Vec<f64>) -> Outcome {
    let rows = counts.iter().sum::<u64>() as f64;
    let mut test = ChiSquare::default();
    test.add(counts, &law(counts.len()).into_iter().map(|probability| probability * rows).collect::<Vec<_>>());
    test.outcome()
}

fn events_given_sessions(usage: &UsageTally, per_session: f64) -> Outcome {
    let mut test = ChiSquare::default();
    for (sessions, counts) in usage.joint.rows().enumerate() {
        let rows = counts.iter().sum::<u64>() as f64;
        if rows > 0.0 {
            let law = poisson(per_session * sessions as f64, counts.len());
            test.add(counts, &law.into_iter().map(|probability| probability * rows).collect::<Vec<_>>());
        }
    }
    test.outcome()
}

/// Mean and variance of a column.
#[derive(Debug, Clone, Copy)]
struct Spread {
    mean: f64,
    variance: f64,
}

/// The moments of a plan's rows.
struct Moments {
    rows: f64,
    sessions: Spread,
    minutes: Spread,
    events: Spread,
    with_events: f64,
    with_minutes: f64,
}

impl Moments {
    /// `None` where there are too few rows.
    fn of(usage: &UsageTally, plan: usize) -> Option<Self> {
        let spread = |counts: &[u64]| {
            let rows = counts.iter().sum::<u64>() as f64;
            let values = || counts.iter().enumerate().map(|(value, &count)| (value as f64, count as f64));
            let mean = values().map(|(value, count)| value * count).sum::<f64>() / rows;
            let squares = values().map(|(value, count)| (value - mean).powi(2) * count).sum::<f64>();
            Spread { mean, variance: squares / (rows - 1.0) }
        };
        let rows = usage.sessions.row(plan).iter().sum::<u64>() as f64;
        if rows < LEAST_ROWS {
            return None;
        }
        let [sessions, minutes, events] =
            [&usage.sessions, &usage.minutes, &usage.events].map(|grid| spread(grid.row(plan)));
        let products = usage.products.row(plan);
        let covariance = |product: u64, other: Spread| product as f64 / rows - sessions.mean * other.mean;
        let (with_events, with_minutes) = (covariance(products[0], events), covariance(products[1], minutes));
        Some(Self { rows, sessions, minutes, events, with_events, with_minutes })
    }

    /// Variance over mean of a column whose central moments are given.
    fn dispersion(&self, observed: Spread, [mean, second, third, fourth]: [f64; 4]) -> Outcome {
        if mean == 0.0 || observed.mean == 0.0 {
            return Err("the law has no spread".to_string());
        }
        // The delta method on the sample's mean and variance.
        let variance = (fourth - second * second) / mean.powi(2) + second.powi(3) / mean.powi(4)
            - 2.0 * second * third / mean.powi(3);
        Ok(normal(observed.variance / observed.mean, second / mean, (variance / self.rows).sqrt()))
    }

    fn sessions_with_events(&self, theory: &Theory) -> Outcome {
        if theory.sessions == 0.0 || theory.per_session == 0.0 || self.events.variance == 0.0 {
            return Err("the law has no spread".to_string());
        }
        let observed = self.with_events / (self.sessions.variance * self.events.variance).sqrt();
        Ok(theory.correlation(observed, self.rows))
    }
}

/// Sessions are independent of minutes: the correlations of all plans together.
fn uncorrelated(moments: &[Option<Moments>]) -> Outcome {
    let scores = moments.iter().flatten().filter(|moments| moments.sessions.variance > 0.0).map(|moments| {
        let correlation = moments.with_minutes / (moments.sessions.variance * moments.minutes.variance).sqrt();
        correlation * moments.rows.sqrt()
    });
    let (count, sum) = scores.fold((0.0, 0.0), |(count, sum), score| (count + 1.0, sum + score * score));
    chi_square(sum, count)
}

/// Central moments of sessions S, Poisson, and feature events E, Poisson given S.
///
/// With X = S - E[S] and Z = E - c S, whose moments given S are those of a centred Poisson law with mean c S, the
/// events' deviation is c X + Z; the products below are expanded from that.
struct Theory {
    sessions: f64,
    per_session: f64,
}

impl Theory {
    /// Mean and central moments two to four.
    fn sessions(&self) -> [f64; 4] {
        let mean = self.sessions;
        [mean, mean, mean, mean + 3.0 * mean * mean]
    }

    fn events(&self) -> [f64; 4] {
        let (m, c) = (self.sessions, self.per_session);
        let fourth = c.powi(4) * (m + 3.0 * m * m)
            + 6.0 * c.powi(3) * (m + m * m)
            + 4.0 * c * c * m
            + c * m
            + 3.0 * c * c * (m + m * m);
        [c * m, c * c * m + c * m, c.powi(3) * m + 3.0 * c * c * m + c * m, fourth]
    }

    /// The correlation, with its sampling variance by the delta method (M. G. Kendall, A. Stuart, The Advanced Theory
    /// of Statistics, 10.17).
    fn correlation(&self, observed: f64, rows: f64) -> Measured {
        let (m, c) = (self.sessions, self.per_session);
        let [_, xx, _, x4] = self.sessions();
        let [_, yy, _, y4] = self.events();
        let xy = c * m;
        let x2y2 = c * c * x4 + c * (m + m * m);
        let x3y = c * x4;
        let xy3 = c.powi(3) * x4 + 3.0 * c * c * (m + m * m) + c * m;
        let expected = xy / (xx * yy).sqrt();
        let relative = (x4 / (xx * xx) + y4 / (yy * yy) + 2.0 * x2y2 / (xx * yy)) / 4.0 + x2y2 / (xy * xy)
            - x3y / (xy * xx)
            - xy3 / (xy * yy);
        normal(observed, expected, expected * (relative / rows).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The closed forms of the contract, and moments summed over the laws themselves.
    #[test]
    fn moments_are_those_of_the_laws() {
        let theory = Theory { sessions: 2.0, per_session: 1.5 };
        let (mut sums, mut products) = ([0.0; 3], [0.0; 3]);
        let mean = 3.0;
        for (sessions, share) in poisson(2.0, 40).into_iter().enumerate() {
            for (events, given) in poisson(1.5 * sessions as f64, 150).into_iter().enumerate() {
                let (x, y) = (sessions as f64 - 2.0, events as f64 - mean);
                for (power, sum) in (2..).zip(&mut sums) {
                    *sum += share * given * y.powi(power);
                }
                for (product, value) in products.iter_mut().zip([x * x * y * y, x.powi(3) * y, x * y.powi(3)]) {
                    *product += share * given * value;
                }
            }
        }
        let [_, second, third, fourth] = theory.events();
        for (summed, closed) in sums.into_iter().zip([second, third, fourth]) {
            assert!((summed / closed - 1.0).abs() < 1e-9, "{summed} {closed}");
        }
        let c: f64 = 1.5;
        let x4 = 2.0 + 12.0;
        let closed = [c * c * x4 + c * 6.0, c * x4, c.powi(3) * x4 + 3.0 * c * c * 6.0 + c * 2.0];
        for (summed, closed) in products.into_iter().zip(closed) {
            assert!((summed / closed - 1.0).abs() < 1e-9, "{summed} {closed}");
        }
        let measured = theory.correlation(0.0, 1_000.0);
        assert!((measured.expected - 0.7746).abs() < 5e-5);
        assert!((second / mean - 2.5).abs() < 1e-12);
    }
}
