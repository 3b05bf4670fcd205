//! Checks of `customers`.

use super::aggregates::{Aggregates, FIXED_POINT, SIGNUP_PARTS};
use crate::models::saas_v1;
use crate::verify::reading::{Rows, UNKNOWN};
use crate::verify::rules::Rule;
use crate::verify::saas_v1::derived_model::DerivedModel;
use crate::verify::saas_v1::rules;
use crate::verify::violations::Violations;
use std::ops::Range;

/// Counts the customers and records violations.
pub fn check(
    model: &DerivedModel,
    ids: &Range<i64>,
    table: &Rows,
    rows: Range<usize>,
    aggregates: &mut Aggregates,
    violations: &mut Violations,
) {
    let mut next = ids.start;
    let mut before = None;
    let missing = |range: Range<i64>, violations: &mut Violations| {
        for id in range {
            violations.record(saas_v1::CUSTOMERS, Rule::Ids, || format!("customer_id {id} is missing"));
        }
    };
    for row in rows {
        let id = table.int64(0)[row];
        if id < next {
            violations.record(saas_v1::CUSTOMERS, Rule::UniqueKeys, || table.describe(row, &model.source));
            continue;
        }
        missing(next..id, violations);
        next = id + 1;
        let signup = table.dates(1)[row].saturating_sub(model.window.first);
        let (plan, region) = (table.text(2)[row], table.text(3)[row]);
        if !(0..model.days() as i32).contains(&signup) {
            violations.record(saas_v1::CUSTOMERS, rules::DATES, || table.describe(row, &model.source));
        } else if plan != UNKNOWN {
            aggregates.signups.add(usize::from(plan), signup as usize, 1);
            if region != UNKNOWN {
                let now = Counted { plan: usize::from(plan), region: usize::from(region), signup: signup as usize };
                count(model, before.replace(now), now, aggregates);
            }
        }
    }
    missing(next..ids.end, violations);
}

/// A customer whose values are all in the model.
#[derive(Clone, Copy)]
struct Counted {
    plan: usize,
    region: usize,
    signup: usize,
}

fn count(model: &DerivedModel, before: Option<Counted>, now: Counted, aggregates: &mut Aggregates) {
    if let Some(before) = before {
        let part = |customer: Counted| customer.signup * SIGNUP_PARTS / model.days();
        aggregates.plan_pairs.add(before.plan, now.plan, 1);
        aggregates.region_pairs.add(before.region, now.region, 1);
        aggregates.signup_pairs.add(part(before), part(now), 1);
    }
    aggregates.regions.add(now.plan, now.region, 1);
    aggregates.regions_by_day.add(now.region, now.signup, 1);
    let activity = model.plans[now.plan].active_sums[model.days() - now.signup];
    for (row, sum) in activity.into_iter().enumerate() {
        aggregates.region_activity.add(row, now.region, (sum * FIXED_POINT).round() as u64);
    }
}
