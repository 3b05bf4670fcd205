//! Checks of `retention_curves`.

use crate::verify::reading::Rows;
use crate::verify::rules::Rule;
use crate::verify::saas_v1::derived_model::DerivedModel;
use crate::verify::saas_v1::rules;
use crate::verify::violations::Violations;

/// Compares the curves with the closed form. The rows can be in any order.
pub fn check(model: &DerivedModel, rows: &Rows, violations: &mut Violations) {
    let mut seen = vec![vec![false; model.days()]; model.plans.len()];
    for row in 0..rows.len() {
        let mut note = |rule| violations.record(rows.table(), rule, || rows.describe(row, &model.source));
        let (plan, age) = (usize::from(rows.text(0)[row]), usize::try_from(rows.int32(1)[row]));
        match seen.get_mut(plan).and_then(|ages| ages.get_mut(age.ok()?)) {
            None => note(rules::PLANS_AND_DAYS),
            Some(true) => note(Rule::UniqueKeys),
            Some(slot) => {
                *slot = true;
                let expected = model.plans[plan].active[age.unwrap_or_default()];
                // The exponential function of another program may differ in the last bits.
                if !((rows.floats(2)[row] - expected).abs() <= 1e-12) {
                    note(rules::CURVE);
                }
            }
        }
    }
    for (plan, ages) in model.plans.iter().zip(&seen) {
        for age in (0..ages.len()).filter(|&age| !ages[age]) {
            violations.record(rows.table(), rules::PLANS_AND_DAYS, || format!("plan {} has no day {age}", plan.name));
        }
    }
}
