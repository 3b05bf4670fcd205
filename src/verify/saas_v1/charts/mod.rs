//! The charts of each table, and the customers by plan.

mod billing;
mod customers;
mod support;
mod usage;

use super::report_data::ReportData;
use crate::error::Result;
use crate::tables::Table;
use crate::verify::report::{Chart, Curves, CustomerGroups, ModelReport};

impl ModelReport for ReportData {
    fn curves(&self) -> Curves {
        Curves::from([("retention", self.retention.clone())])
    }

    fn charts(&self, table: Table) -> Result<Vec<Chart>> {
        if !self.has_read(table) {
            return Ok(Vec::new());
        }
        match table {
            Table::Customers => customers::charts(self),
            Table::UsageDaily => usage::charts(self),
            // The rows of both tables are nearly the same.
            Table::UsageTruth if !self.has_read(Table::UsageDaily) => usage::charts(self),
            Table::Billing => billing::charts(self),
            Table::Support => support::charts(self),
            Table::UsageTruth | Table::RetentionCurves => Ok(Vec::new()),
        }
    }

    fn customer_groups(&self) -> Option<CustomerGroups> {
        self.has_read(Table::Customers).then(|| {
            let plans = self.model.plans.iter().map(|plan| plan.name.clone());
            CustomerGroups { property: "plan", groups: plans.zip(customers::by_plan(self)).collect() }
        })
    }
}
