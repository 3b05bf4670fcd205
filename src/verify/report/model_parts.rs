//! The parts of the report that depend on the model: the charts of each table, and the groups of customers.

use super::chart::Chart;
use super::overview::CustomerGroups;
use super::{billing, customers, support, usage};
use crate::error::Result;
use crate::tables::Table;
use crate::verify::verdicts::Verification;

/// Returns the charts of a table. There are none if the table was not read for the whole window.
pub fn charts_of(table: Table, verification: &Verification) -> Result<Vec<Chart>> {
    let data = &verification.data;
    let is_read = |table: Table| data.read.tables.contains(&table);
    if !is_read(table) {
        return Ok(Vec::new());
    }
    match table {
        Table::Customers => customers::charts(data),
        Table::UsageDaily => usage::charts(verification),
        // The rows of both tables are nearly the same.
        Table::UsageTruth if !is_read(Table::UsageDaily) => usage::charts(verification),
        Table::Billing => billing::charts(data),
        Table::Support => support::charts(data),
        Table::UsageTruth | Table::RetentionCurves => Ok(Vec::new()),
    }
}

/// Returns the customers by plan, if they were read.
pub fn customer_groups(verification: &Verification) -> Option<CustomerGroups> {
    let data = &verification.data;
    data.read.tables.contains(&Table::Customers).then(|| {
        let counts = customers::by_plan(data);
        let groups = data.model.plans.iter().map(|plan| plan.name.clone()).zip(counts).collect();
        CustomerGroups { property: "plan", groups }
    })
}
