//! The expected curves of lives by plan and term.

use super::super::laws::{FREE, Laws};
use super::super::parameters::CLASSES;
use super::day_factors::{RandomFactor, fixed_factors};
use super::lives::{REASONS, lives};
use super::plan_term::PlanTerm;

/// One cycle of a curve. All figures but the hazard are means over all customers who signed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The plan and term at signup.
    pub of: PlanTerm,
    /// The number of the cycle.
    pub cycle: u32,
    /// The probability to start the cycle.
    pub survival: f64,
    /// The probability to end with the cycle if it starts, or 0 if it never starts.
    pub hazard: f64,
    /// The probability to have ended with the cycle or an earlier one, by each of the [`REASONS`].
    pub incidence: [f64; REASONS.len()],
    /// The mean active days in a cycle of average length, with the mean factor of the window's days. The logs of these
    /// days may be lost. Customers who have left have none.
    pub active_days: f64,
    /// The mean recurring revenue of a month at the start of the cycle. Customers who have left have none.
    pub mrr: f64,
}

/// Returns the curves, with a point for each cycle that fits into the window.
pub fn expected_curves(laws: &Laws) -> Vec<CurvePoint> {
    let window_days = f64::from(laws.cycles.days());
    let day_factor = RandomFactor::incident(laws).mean * fixed_factors(laws).iter().sum::<f64>() / window_days;
    let cycle_days = window_days / laws.cycles.months() as f64;
    PlanTerm::ALL.into_iter().flat_map(|of| curve(laws, of, cycle_days, day_factor)).collect()
}

fn curve(laws: &Laws, of: PlanTerm, cycle_days: f64, day_factor: f64) -> Vec<CurvePoint> {
    let parameters = laws.parameters();
    let active = parameters.plans.values()[usize::from(of.plan)].active * mean(&parameters.intensity.activity);
    let unpaid_days = parameters.billing.grace as f64 + 1.0;
    let mrr = mean_mrr(laws, of);
    let mut incidence = [0.0; REASONS.len()];
    let points = (0..).zip(lives(laws, of)).map(|(cycle, odds)| {
        for (sum, ends) in incidence.iter_mut().zip(odds.ends) {
            *sum += ends;
        }
        let days_by_engagement = odds
            .engagement
            .iter()
            .zip(odds.unpaid)
            .map(|(starts, unpaid)| (starts - unpaid) * cycle_days + unpaid * unpaid_days);
        let states = parameters.engagement.values();
        let active_days: f64 = days_by_engagement.zip(states).map(|(days, state)| days * state.activity).sum();
        CurvePoint {
            of,
            cycle,
            survival: odds.starts.min(1.0),
            hazard: odds.hazard(),
            incidence,
            active_days: active * day_factor * active_days,
            mrr: odds.starts * mrr,
        }
    });
    points.collect()
}

/// Returns the mean recurring revenue of a month at signup.
fn mean_mrr(laws: &Laws, of: PlanTerm) -> f64 {
    if of.plan == FREE {
        return 0.0;
    }
    let plan = &laws.plans[usize::from(of.plan)];
    let noise = laws.parameters().seats.noise.values();
    let total: f64 = noise.iter().copied().sum();
    let seats = |rungs: i32| {
        let rung = (plan.rung + rungs).clamp(0, laws.ladder.len() as i32 - 1);
        f64::from(laws.ladder[rung as usize])
    };
    let seats_of_class = laws.rungs_of_intensity.map(|rungs| {
        let with_noise = (-1..).zip(noise).map(|(step, share)| share / total * seats(rungs + step));
        with_noise.sum()
    });
    let price = plan.price_cents as f64 / 100.0;
    mean(&seats_of_class) * if of.is_annual { price * 10.0 / 12.0 } else { price }
}

/// Returns the mean over the classes, which are equally likely.
fn mean(of_classes: &[f64; CLASSES]) -> f64 {
    of_classes.iter().sum::<f64>() / CLASSES as f64
}
