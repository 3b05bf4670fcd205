//! Checks of `calendar`.

use super::hazards::is_close;
use crate::models::saas_v2::CalendarDay;
use crate::verify::reading::Rows;
use crate::verify::rules::Rule;
use crate::verify::saas_v2::aggregates::CalendarRow;
use crate::verify::saas_v2::derived_model::DerivedModel;
use crate::verify::saas_v2::rules;
use crate::verify::violations::Violations;

/// Records violations. Returns the days of the window in order, if all are there and usable. The rows can be in any
/// order.
pub fn check(model: &DerivedModel, rows: &Rows, violations: &mut Violations) -> Option<Vec<CalendarRow>> {
    let mut days: Vec<Option<CalendarRow>> = vec![None; model.days() as usize];
    let (activity, logs) = (&model.parameters().activity, &model.parameters().logs);
    for row in 0..rows.len() {
        let mut record = |rule| violations.record(rows.table(), rule, || rows.describe(row, &model.source));
        if row > 0 && rows.dates(0)[row] < rows.dates(0)[row - 1] {
            record(Rule::Order);
        }
        let float = |column: usize| rows.floats(column)[row];
        let day = model.day(rows.dates(0)[row]);
        let Some(slot) = usize::try_from(day).ok().and_then(|day| days.get_mut(day)) else {
            record(rules::EVERY_DAY);
            continue;
        };
        if slot.is_some() {
            record(Rule::UniqueKeys);
            continue;
        }
        // No seed changes the first three.
        let expected = CalendarDay::new(&model.laws, 0, day as u32);
        let fixed = [expected.signup_weight, expected.week, expected.season];
        if !(1..).zip(fixed).all(|(column, expected)| is_close(float(column), expected)) {
            record(rules::FACTORS);
        }
        let (incident, loss_rate) = (float(4), float(5));
        let is_incident = is_close(incident, activity.incident);
        if !is_incident && !is_close(incident, 1.0) {
            record(rules::INCIDENT);
        }
        if !(logs.loss_min..=logs.loss_max).contains(&loss_rate) {
            record(rules::LOSS_RATE);
        }
        *slot = Some(CalendarRow { incident, loss_rate });
    }
    for (day, _) in days.iter().enumerate().filter(|(_, slot)| slot.is_none()) {
        violations.record(rows.table(), rules::EVERY_DAY, || format!("{} is missing", model.date(day as i32)));
    }
    let days: Option<Vec<CalendarRow>> = days.into_iter().collect();
    let is_share = |value: f64| (0.0..=1.0).contains(&value);
    days.filter(|days| days.iter().all(|day| is_share(day.incident) && is_share(day.loss_rate)))
}
