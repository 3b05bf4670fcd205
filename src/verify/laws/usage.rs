//! What customers do on active days.

use super::independence;
use super::moments::{Moments, Theory, uncorrelated};
use super::retention::Activity;
use crate::verify::facts::{Facts, PlanFacts, Survival};
use crate::verify::statistics::{ChiSquare, Outcome, TOO_FEW, poisson, rounded_normal};
use crate::verify::tally::{Tally, UsageTally};

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
    by_plan("events: var/mean", &|moments, theory| moments.dispersion(moments.events, theory.events()));
    by_plan("corr(sessions, events)", &Moments::sessions_with_events);
    law("corr(sessions, minutes)".into(), uncorrelated(&moments));
    independence::laws(facts, tally, usage, survival, law);
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
