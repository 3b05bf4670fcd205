//! Tests of the model's statistical laws against the aggregates of a data set.

mod billing;
mod customers;
mod dispersion;
mod independence;
mod losses;
mod maximum_likelihood;
mod moments;
mod retention;
mod support;
mod usage;
mod value_distributions;

pub use retention::Activity;
pub use value_distributions::{events_distribution, minutes_distribution, sessions_distribution};

use super::checks::Aggregates;
use super::derived_model::{DerivedModel, Survival};
use crate::models::Table;
use crate::verify::model_checks::TestedLaw;
use crate::verify::statistics::{Measured, Outcome, normal};

/// Tests every law of the tables in `read`, which were read for the whole window. Returns them in the order of the
/// report.
pub fn test_all(model: &DerivedModel, aggregates: &Aggregates, read: &[Table]) -> Vec<TestedLaw> {
    let is_truth_known = aggregates.usage_truth.by_day.total() > 0;
    let mut tested = Vec::new();
    for &table in read {
        let mut add = |name: String, outcome: Outcome| tested.push(TestedLaw { table, name, outcome });
        match table.name() {
            "customers" => customers::test(model, aggregates, &mut add),
            "usage_daily" => {
                add("rows".into(), Ok(rows(model, aggregates, table, aggregates.usage_daily.rows)));
                usage::test(model, aggregates, &aggregates.usage_daily, model.survival, &mut add);
                if is_truth_known {
                    losses::test(model, aggregates, &mut add);
                }
            }
            "usage_truth" => {
                add("rows".into(), Ok(rows(model, aggregates, table, aggregates.usage_truth.rows)));
                usage::test(model, aggregates, &aggregates.usage_truth, Survival::WHOLE, &mut add);
            }
            "billing" => {
                add("rows".into(), Ok(rows(model, aggregates, table, aggregates.invoices)));
                billing::test(model, aggregates, &mut add);
            }
            "support" => {
                add("rows".into(), Ok(rows(model, aggregates, table, aggregates.tickets)));
                support::test(model, aggregates, &mut add);
            }
            _ => {}
        }
    }
    tested
}

/// Tests the number of rows against the expected number for these customers.
fn rows(model: &DerivedModel, aggregates: &Aggregates, table: Table, rows: u64) -> Measured {
    let expected = model.source.rows_per_customer(table, &model.window.range()).of(aggregates.customers());
    normal(rows as f64, expected.rows, expected.sd)
}
