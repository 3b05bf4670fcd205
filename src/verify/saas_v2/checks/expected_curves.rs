//! Checks of `expected_curves`.

use super::hazards::is_close;
use crate::models::saas_v2::{CurvePoint, PlanTerm, expected_curves};
use crate::verify::reading::Rows;
use crate::verify::rules::Rule;
use crate::verify::saas_v2::derived_model::DerivedModel;
use crate::verify::saas_v2::rules;
use crate::verify::saas_v2::terms::plan_term_name;
use crate::verify::violations::Violations;

/// Compares the curves with the exact recursion. The rows can be in any order.
pub fn check(model: &DerivedModel, rows: &Rows, violations: &mut Violations) {
    let expected = expected_curves(&model.laws);
    let mut seen = vec![false; expected.len()];
    for row in 0..rows.len() {
        let mut record = |rule| violations.record(rows.table(), rule, || rows.describe(row, &model.source));
        let (plan, term, cycle) = (rows.text(0)[row], rows.text(1)[row], rows.int32(2)[row]);
        let place = expected.iter().position(|point| {
            point.of == PlanTerm { plan, is_annual: term == 1 }
                && term < 2
                && i64::from(point.cycle) == i64::from(cycle)
        });
        match place {
            None => record(rules::EVERY_CYCLE),
            Some(place) if seen[place] => record(Rule::UniqueKeys),
            Some(place) => {
                seen[place] = true;
                let values = values(&expected[place]);
                if !(3..).zip(values).all(|(column, value)| is_close(rows.floats(column)[row], value)) {
                    record(rules::CURVE);
                }
            }
        }
    }
    for (point, _) in expected.iter().zip(seen).filter(|(_, seen)| !seen) {
        violations.record(rows.table(), rules::EVERY_CYCLE, || {
            format!("{} has no cycle {}", plan_term_name(model.plan_names(), point.of), point.cycle)
        });
    }
}

/// Returns the values in the order of the columns.
fn values(point: &CurvePoint) -> [f64; 9] {
    let [unused, support, billing, other, payment] = point.incidence;
    [point.survival, point.hazard, unused, support, billing, other, payment, point.active_days, point.mrr]
}
