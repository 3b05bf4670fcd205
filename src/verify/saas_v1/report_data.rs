//! The data that the report draws.

use super::checks::{Aggregates, UsageAggregates};
use super::derived_model::{DerivedModel, Survival};
use super::laws::Activity;
use crate::models::{Table, saas_v1};
use crate::verify::statistics::CurvePoint;
use indexmap::IndexMap;

/// The data that the report draws.
#[derive(Debug)]
pub struct ReportData {
    pub model: DerivedModel,
    pub aggregates: Aggregates,
    /// The tables that were read for the whole window.
    pub read: Vec<Table>,
    /// The observed retention by plan. Empty if no usage table was read.
    pub retention: IndexMap<String, Vec<CurvePoint>>,
}

impl ReportData {
    pub fn new(model: DerivedModel, aggregates: Aggregates, read: Vec<Table>) -> Self {
        let mut data = Self { model, aggregates, read, retention: IndexMap::new() };
        data.retention = data.observed_retention();
        data
    }

    pub fn has_read(&self, table: Table) -> bool {
        self.read.contains(&table)
    }

    /// Returns the aggregates of a usage table, and the share of its rows that are not lost.
    pub fn activity(&self) -> Option<(&UsageAggregates, Survival)> {
        match (self.has_read(saas_v1::USAGE_DAILY), self.has_read(saas_v1::USAGE_TRUTH)) {
            (true, _) => Some((&self.aggregates.usage_daily, self.model.survival)),
            (false, true) => Some((&self.aggregates.usage_truth, Survival::WHOLE)),
            (false, false) => None,
        }
    }

    fn observed_retention(&self) -> IndexMap<String, Vec<CurvePoint>> {
        let Some((usage, survival)) = self.activity() else { return IndexMap::new() };
        let activity = Activity::new(&self.model, &self.aggregates, usage, survival);
        let plans = self.model.plans.iter().enumerate();
        plans.map(|(index, plan)| (plan.name.clone(), activity.points(index))).collect()
    }
}
