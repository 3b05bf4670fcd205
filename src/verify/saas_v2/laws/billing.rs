//! Tests of `billing`. The chance of a failed attempt depends only on what the invoices show.

use crate::models::saas_v2::PlanTerm;
use crate::verify::saas_v2::aggregates::Aggregates;
use crate::verify::saas_v2::derived_model::DerivedModel;
use crate::verify::saas_v2::terms::plan_term_name;
use crate::verify::statistics::{ChiSquare, EventSum, Outcome, shares};

const PAID: usize = 0;
const LATE: usize = 1;

pub fn test(model: &DerivedModel, aggregates: &Aggregates, add: &mut impl FnMut(String, Outcome)) {
    let billing = &model.parameters().billing;
    let recovered = billing.recovered;
    let mut recoveries = EventSum::default();
    for (index, of) in PlanTerm::ALL.into_iter().enumerate().filter(|(_, of)| of.plan > 0) {
        let name = plan_term_name(model.plan_names(), of);
        let mut test = ChiSquare::default();
        let failure = &model.laws.plans[usize::from(of.plan)].payment_failure[usize::from(of.is_annual)];
        for (repeat, chance) in failure.iter().enumerate() {
            let counts = aggregates.attempts.row(index * 2 + repeat);
            let sum = counts.iter().sum::<u64>();
            let fails = chance.probability.min(1.0);
            let expected = [1.0 - fails, fails * recovered, fails * (1.0 - recovered)];
            test.add(counts, &expected.map(|share| share * sum as f64));
            let which = if repeat == 0 { "after a success" } else { "after a failure" };
            let mut attempts = EventSum::default();
            attempts.add(sum, sum - counts[PAID], fails);
            add(format!("failed attempts {which}, {name}"), attempts.outcome());
            recoveries.add(sum - counts[PAID], counts[LATE], recovered);
        }
        add(format!("invoices by status, {name}"), test.outcome());
    }
    add("failed attempts that were recovered".into(), recoveries.outcome());
    let weights: Vec<f64> =
        (0..=billing.late_max - billing.late_min).map(|day| billing.decay.powi(day as i32)).collect();
    let total: f64 = weights.iter().sum();
    let days: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
    add("days until a late payment".into(), shares(aggregates.days_late.row(0), &days));
}
