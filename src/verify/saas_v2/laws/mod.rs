//! Tests of the model's statistical laws against the aggregates of a data set.

mod activity;
mod billing;
mod calendar;
mod customers;
mod cycles;
mod lives;
mod support;
mod usage;

pub use customers::by_plan as customers_by_plan;

use super::aggregates::Aggregates;
use super::derived_model::DerivedModel;
use crate::models::Table;
use crate::models::saas_v2::{CALENDAR, CUSTOMER_TRUTH, CYCLES_TRUTH};
use crate::verify::model_checks::TestedLaw;
use crate::verify::statistics::{Outcome, normal};

/// Tests every law of the tables in `read`, which were read for the whole window. Returns them in the order of the
/// report.
pub fn test_all(model: &DerivedModel, aggregates: &Aggregates, read: &[Table]) -> Vec<TestedLaw> {
    let has_read = |table: Table| read.contains(&table);
    let knows_cycles = has_read(CYCLES_TRUTH);
    let knows_activity = knows_cycles && has_read(CUSTOMER_TRUTH) && has_read(CALENDAR);
    let mut tested = Vec::new();
    for &table in read {
        let mut add = |name: String, outcome: Outcome| tested.push(TestedLaw { table, name, outcome });
        let expected = model.source.rows_per_customer(table, &model.window.range()).of(aggregates.customers());
        if table.has_customers() && expected.sd > 0.0 {
            add("rows".into(), Ok(normal(aggregates.rows(table) as f64, expected.rows, expected.sd)));
        }
        match table.name() {
            "customers" => customers::test(model, aggregates, &mut add),
            "subscriptions" => {
                lives::test(model, &aggregates.ends, &mut add);
                add("cancels uniform over the cycle".into(), lives::cancel_days(aggregates));
            }
            "usage_daily" | "usage_truth" => {
                let is_daily = table == crate::models::saas_v2::USAGE_DAILY;
                let usage = if is_daily { &aggregates.usage_daily } else { &aggregates.usage_truth };
                usage::test(model, usage, has_read(CUSTOMER_TRUTH), &mut add);
                if knows_activity {
                    activity::test(model, aggregates, usage, is_daily, &mut add);
                }
            }
            "billing" => billing::test(model, aggregates, &mut add),
            "support" => support::test(model, aggregates, knows_cycles, &mut add),
            "cycles_truth" => {
                cycles::test(model, &aggregates.truth, &mut add);
                lives::test(model, &aggregates.truth.ends, &mut add);
            }
            "customer_truth" => customers::test_traits(model, &aggregates.truth, &mut add),
            "calendar" => calendar::test(model, &aggregates.calendar, &mut add),
            _ => {}
        }
    }
    tested
}
