//! When invoices come, and how they are settled.

use super::{by_month, values};
use crate::tables::expected::invoices_given_signup;
use crate::verify::facts::Facts;
use crate::verify::statistics::{LEAST_EXPECTED, Outcome, TOO_FEW, independence, normal, shares, shares_of_rows};
use crate::verify::tally::Tally;

pub(super) fn laws(facts: &Facts, tally: &Tally, law: &mut impl FnMut(String, Outcome)) {
    let jitters = 2 * facts.jitter_days as usize + 1;
    let even = vec![1.0 / jitters as f64; jitters];
    let statuses = values(&facts.model.parameters().billing.status);
    law("invoices given signups".into(), given_signups(facts, tally));
    law("days early or late: uniform".into(), shares(tally.jitter.row(0), &even));
    law("days early or late independent".into(), shares_of_rows(tally.jitter_pairs.rows(), &even));
    law("payment_status mix".into(), shares(&tally.statuses.column_sums(), &statuses));
    law("status and plan independent".into(), independence(tally.statuses_by_plan.rows()));
    let by_day = |status: usize| tally.statuses.rows().map(move |day| day[status]).collect::<Vec<u64>>();
    let by_month: Vec<Vec<u64>> = (0..statuses.len()).map(|status| by_month(facts, &by_day(status))).collect();
    law("status and month independent".into(), independence(by_month.iter().map(Vec::as_slice)));
    law("status independent of the one before".into(), shares_of_rows(tally.status_pairs.rows(), &statuses));
}

/// The number of invoices, given who signed up when on which plan: only those due about the window's end are chance.
fn given_signups(facts: &Facts, tally: &Tally) -> Outcome {
    let days = 0..facts.days() as i32;
    let (mut expected, mut variance) = (0.0, 0.0);
    for (_, signups) in facts.plans.iter().zip(tally.signups.rows()).filter(|(plan, _)| plan.price_cents > 0) {
        for (signup, &customers) in days.clone().zip(signups) {
            let (mean, spread) = invoices_given_signup(&facts.model, signup, &days);
            expected += customers as f64 * mean;
            variance += customers as f64 * spread;
        }
    }
    if variance > 0.0 && variance < LEAST_EXPECTED {
        return Err(TOO_FEW.to_string());
    }
    Ok(normal(tally.invoices as f64, expected, variance.sqrt()))
}
