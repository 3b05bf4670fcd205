//! Tests of `billing`: when invoices come, and how they are settled.

use crate::models::saas_v1::invoices_given_signup;
use crate::verify::saas_v1::checks::Aggregates;
use crate::verify::saas_v1::derived_model::{DerivedModel, share_values};
use crate::verify::statistics::{LEAST_EXPECTED, Outcome, TOO_FEW, independence, normal, shares, shares_of_rows};

pub fn test(model: &DerivedModel, aggregates: &Aggregates, add: &mut impl FnMut(String, Outcome)) {
    let jitters = 2 * model.jitter_days as usize + 1;
    let even = vec![1.0 / jitters as f64; jitters];
    let statuses = share_values(&model.parameters.billing.status);
    add("invoices given signups".into(), given_signups(model, aggregates));
    add("days early or late: uniform".into(), shares(aggregates.jitter.row(0), &even));
    add("days early or late independent".into(), shares_of_rows(aggregates.jitter_pairs.rows(), &even));
    add("payment_status mix".into(), shares(&aggregates.statuses.column_sums(), &statuses));
    add("status and plan independent".into(), independence(aggregates.statuses_by_plan.rows()));
    let by_day = |status: usize| aggregates.statuses.rows().map(move |day| day[status]).collect::<Vec<u64>>();
    let by_month: Vec<Vec<u64>> = (0..statuses.len()).map(|status| model.by_month(&by_day(status))).collect();
    add("status and month independent".into(), independence(by_month.iter().map(Vec::as_slice)));
    add("status independent of the one before".into(), shares_of_rows(aggregates.status_pairs.rows(), &statuses));
}

/// Tests the number of invoices, given the signup dates and plans of the customers. Only the invoices that are due near
/// the end of the window are random.
fn given_signups(model: &DerivedModel, aggregates: &Aggregates) -> Outcome {
    let days = 0..model.days() as i32;
    let (mut expected, mut variance) = (0.0, 0.0);
    for (_, signups) in model.plans.iter().zip(aggregates.signups.rows()).filter(|(plan, _)| plan.price_cents > 0) {
        for (signup, &customers) in days.clone().zip(signups) {
            let (mean, variance_each) = invoices_given_signup(&model.parameters.billing, signup, &days);
            expected += customers as f64 * mean;
            variance += customers as f64 * variance_each;
        }
    }
    if variance > 0.0 && variance < LEAST_EXPECTED {
        return Err(TOO_FEW.to_string());
    }
    Ok(normal(aggregates.invoices as f64, expected, variance.sqrt()))
}
