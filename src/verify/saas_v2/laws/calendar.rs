//! Tests of `calendar`: incidents and loss rates, which the seed gives.

use crate::verify::saas_v2::aggregates::CalendarRow;
use crate::verify::saas_v2::derived_model::DerivedModel;
use crate::verify::statistics::{EventSum, Outcome, TOO_FEW, shares};

/// The number of equal parts of the range of loss rates.
const PARTS: usize = 10;

pub fn test(model: &DerivedModel, days: &[CalendarRow], add: &mut impl FnMut(String, Outcome)) {
    if days.is_empty() {
        return;
    }
    let (activity, logs) = (&model.parameters().activity, &model.parameters().logs);
    if activity.incident < 1.0 {
        let incidents = days.iter().filter(|day| day.incident < 1.0).count() as u64;
        let mut sum = EventSum::default();
        sum.add(days.len() as u64, incidents, activity.incident_share);
        add("days with an incident".into(), sum.outcome());
    }
    let range = logs.loss_max - logs.loss_min;
    let outcome = if range > 0.0 {
        let mut counts = [0; PARTS];
        for day in days {
            let part = (day.loss_rate - logs.loss_min) / range * PARTS as f64;
            counts[(part.max(0.0) as usize).min(PARTS - 1)] += 1;
        }
        shares(&counts, &[1.0 / PARTS as f64; PARTS])
    } else {
        Err(TOO_FEW.to_string())
    };
    add("loss rates uniform".into(), outcome);
}
