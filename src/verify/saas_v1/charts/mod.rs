//! The charts of each table, and the customers by plan.

mod billing;
mod customers;
mod support;
mod usage;

use super::report_data::ReportData;
use crate::error::Result;
use crate::models::{Table, saas_v1};
use crate::verify::report::{Chart, Curves, CustomerGroups, ModelReport};

impl ModelReport for ReportData {
    fn curves(&self) -> Curves {
        Curves::from([("retention", self.retention.clone())])
    }

    fn charts(&self, table: Table) -> Result<Vec<Chart>> {
        if !self.has_read(table) {
            return Ok(Vec::new());
        }
        match table.name() {
            "customers" => customers::charts(self),
            "usage_daily" => usage::charts(self),
            // The rows of both tables are nearly the same.
            "usage_truth" if !self.has_read(saas_v1::USAGE_DAILY) => usage::charts(self),
            "billing" => billing::charts(self),
            "support" => support::charts(self),
            _ => Ok(Vec::new()),
        }
    }

    fn customer_groups(&self) -> Option<CustomerGroups> {
        self.has_read(saas_v1::CUSTOMERS).then(|| {
            let plans = self.model.plans.iter().map(|plan| plan.name.clone());
            CustomerGroups { property: "plan", groups: plans.zip(customers::by_plan(self)).collect() }
        })
    }
}
