//! Tests of who was active when. They need the cycles, the classes of intensity and the calendar.
//!
//! Given these, the days of a customer are independent, so the number of rows of a day is a sum of independent events.

use crate::verify::saas_v2::aggregates::{ActiveClass, Aggregates, UsageAggregates, factors};
use crate::verify::saas_v2::derived_model::{DerivedModel, STATES};
use crate::verify::statistics::{EventSum, LEAST_EXPECTED, Outcome, TOO_FEW, squares};

/// `has_losses` is true for `usage_daily`, from which the logs that were lost are missing.
pub fn test(
    model: &DerivedModel,
    aggregates: &Aggregates,
    usage: &UsageAggregates,
    has_losses: bool,
    add: &mut impl FnMut(String, Outcome),
) {
    if aggregates.calendar.is_empty() {
        return;
    }
    let days = aggregates.calendar.iter().zip(factors(model));
    let share = days.map(|(day, fixed)| {
        let kept = if has_losses { 1.0 - day.loss_rate } else { 1.0 };
        fixed * day.incident * kept
    });
    let share: Vec<f64> = share.collect();
    let mut by_cell = vec![EventSum::default(); ActiveClass::CELLS];
    let mut by_day = vec![EventSum::default(); share.len()];
    for class in ActiveClass::all() {
        let chance = &model.laws.plans[class.plan].active[class.intensity][class.engagement];
        for (day, served) in aggregates.truth.served(class).into_iter().enumerate().filter(|(_, served)| *served > 0) {
            let p = chance.probability.min(1.0) * share[day];
            for sum in [&mut by_cell[class.cell()], &mut by_day[day]] {
                sum.add(served, 0, p);
            }
        }
    }
    for (cell, sum) in by_cell.iter_mut().enumerate() {
        for (day, &rows) in usage.by_cell.row(cell).iter().enumerate() {
            sum.happened += rows;
            by_day[day].happened += rows;
        }
    }
    for (cell, sum) in by_cell.iter().enumerate() {
        let (plan, state) = (model.plan_names()[cell / STATES], model.engagement_names()[cell % STATES]);
        add(format!("active days, {plan} {state}"), sum.outcome());
    }
    add("rows by calendar day".into(), days_fit(&by_day));
    for (weekday, name) in weekdays(model).into_iter().enumerate() {
        let sums = by_day.iter().skip(weekday).step_by(7).fold(EventSum::default(), |all, day| EventSum {
            events: all.events + day.events,
            happened: all.happened + day.happened,
            mean: all.mean + day.mean,
            variance: all.variance + day.variance,
        });
        add(format!("rows on {name}"), sums.outcome());
    }
}

/// Tests all days together. Days with few rows are left out.
fn days_fit(days: &[EventSum]) -> Outcome {
    let scores: Vec<(f64, f64)> = days
        .iter()
        .filter(|day| day.variance >= LEAST_EXPECTED)
        // The excess kurtosis of a sum of events is at most that of a Poisson distribution.
        .map(|day| ((day.happened as f64 - day.mean) / day.variance.sqrt(), 1.0 / day.variance))
        .collect();
    if scores.len() < 10 { Err(TOO_FEW.to_string()) } else { squares(scores.into_iter()) }
}

/// Returns the names of the weekdays, from that of the window's first day.
fn weekdays(model: &DerivedModel) -> [&'static str; 7] {
    let names = ["Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"];
    // 1970-01-01 was a Thursday.
    let first = (model.window.first + 3).rem_euclid(7) as usize;
    std::array::from_fn(|day| names[(first + day) % 7])
}
