//! Tests of the usage tables.

use super::independence;
use super::moments::{Moments, Theory, uncorrelated};
use super::retention::Activity;
use super::value_distributions::{minutes_distribution, sessions_distribution};
use crate::verify::saas_v1::checks::{Aggregates, UsageAggregates};
use crate::verify::saas_v1::derived_model::{DerivedModel, Survival};
use crate::verify::statistics::{ChiSquare, Outcome, TOO_FEW, poisson};

pub fn test(
    model: &DerivedModel,
    aggregates: &Aggregates,
    usage: &UsageAggregates,
    survival: Survival,
    add: &mut impl FnMut(String, Outcome),
) {
    let activity = Activity::new(model, aggregates, usage, survival);
    let (groups, count) = activity.day_groups();
    add("rows by calendar day".into(), activity.by_day(|day| groups[day], count));
    add("rows by weekday".into(), activity.by_day(|day| day % 7, 7));
    add("retention by plan and age".into(), activity.by_age());
    activity.test_estimates().into_iter().for_each(|(name, outcome)| add(name, outcome));
    add("rows a customer: var/expected".into(), activity.customer_dispersion());

    let per_session = model.parameters.usage.events_per_session;
    for (index, plan) in model.plans.iter().enumerate() {
        add(
            format!("sessions of {}", plan.name),
            test_values(usage.sessions.row(index), |values| sessions_distribution(plan, values)),
        );
    }
    add("feature_events given sessions".into(), events_given_sessions(usage, per_session));
    for (index, plan) in model.plans.iter().enumerate() {
        let minutes = usage.minutes.row(index);
        add(
            format!("usage_minutes of {}", plan.name),
            test_values(minutes, |values| minutes_distribution(model, plan, values)),
        );
    }
    let moments: Vec<Option<Moments>> = (0..model.plans.len()).map(|plan| Moments::new(usage, plan)).collect();
    let mut add_by_plan = |what: &str, outcome: &dyn Fn(&Moments, &Theory) -> Outcome| {
        for (plan, moments) in model.plans.iter().zip(&moments) {
            let theory = Theory { sessions: plan.mean_sessions, per_session };
            let result = moments.as_ref().map_or_else(|| Err(TOO_FEW.to_string()), |moments| outcome(moments, &theory));
            add(format!("{what}, {}", plan.name), result);
        }
    };
    add_by_plan("sessions: var/mean", &|moments, theory| moments.dispersion(moments.sessions, theory.sessions()));
    add_by_plan("events: var/mean", &|moments, theory| moments.dispersion(moments.events, theory.events()));
    add_by_plan("corr(sessions, events)", &Moments::sessions_with_events);
    add("corr(sessions, minutes)".into(), uncorrelated(&moments));
    independence::test(model, aggregates, usage, survival, add);
}

/// Tests the counts of values against the probabilities that `distribution` returns for a number of values.
fn test_values(counts: &[u64], distribution: impl Fn(usize) -> Vec<f64>) -> Outcome {
    let rows = counts.iter().sum::<u64>() as f64;
    let mut test = ChiSquare::default();
    test.add(counts, &distribution(counts.len()).into_iter().map(|probability| probability * rows).collect::<Vec<_>>());
    test.outcome()
}

fn events_given_sessions(usage: &UsageAggregates, per_session: f64) -> Outcome {
    let mut test = ChiSquare::default();
    for (sessions, counts) in usage.joint.rows().enumerate() {
        let rows = counts.iter().sum::<u64>() as f64;
        if rows > 0.0 {
            let probabilities = poisson(per_session * sessions as f64, counts.len());
            test.add(counts, &probabilities.into_iter().map(|probability| probability * rows).collect::<Vec<_>>());
        }
    }
    test.outcome()
}
