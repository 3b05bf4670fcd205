//! The charts of each table, and the customers by plan.

mod billing;
mod customers;
mod cycles;
mod subscriptions;
mod survival;
mod usage;

use super::laws::customers_by_plan;
use super::report_data::ReportData;
use crate::error::Result;
use crate::models::Table;
use crate::models::saas_v2::{CUSTOMERS, USAGE_DAILY};
use crate::verify::report::{Chart, Curves, CustomerGroups, ModelReport};

impl ModelReport for ReportData {
    fn curves(&self) -> Curves {
        Curves::new()
    }

    fn charts(&self, table: Table) -> Result<Vec<Chart>> {
        if !self.has_read(table) {
            return Ok(Vec::new());
        }
        match table.name() {
            "customers" => customers::charts(self),
            "subscriptions" => subscriptions::charts(self),
            "billing" => billing::charts(self),
            "cycles_truth" => cycles::charts(self),
            "usage_daily" => usage::charts(self, &self.aggregates.usage_daily),
            // The rows of both tables are nearly the same.
            "usage_truth" if !self.has_read(USAGE_DAILY) => usage::charts(self, &self.aggregates.usage_truth),
            _ => Ok(Vec::new()),
        }
    }

    fn customer_groups(&self) -> Option<CustomerGroups> {
        self.has_read(CUSTOMERS).then(|| {
            let plans = self.model.plan_names().map(str::to_string);
            let groups = plans.into_iter().zip(customers_by_plan(&self.aggregates)).collect();
            CustomerGroups { property: "plan", groups }
        })
    }
}
