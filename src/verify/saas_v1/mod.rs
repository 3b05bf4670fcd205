//! The checks, laws and charts of saas-v1.

mod charts;
mod checks;
mod derived_model;
mod laws;
mod report_data;
mod rules;

use super::customer_chunk::CustomerChunk;
use super::model_checks::{ModelChecks, TestedLaw};
use super::reading::Rows;
use super::report::ModelReport;
use super::rules::Rule;
use super::violations::Violations;
use crate::error::Result;
use crate::models::saas_v1::Laws;
use crate::models::{ColumnSet, Model, Table, saas_v1};
use checks::{Aggregates, check_customers, retention_curves};
use derived_model::DerivedModel;
use report_data::ReportData;

/// The checks of saas-v1.
#[derive(Debug)]
pub struct SaasV1 {
    model: DerivedModel,
}

/// The columns of `usage_truth` that show which logs were lost: customer and date.
const TRUTH_COLUMNS: [usize; 2] = [0, 1];

impl SaasV1 {
    /// Returns the checks of `model`, whose laws are `laws`.
    pub fn new(model: Model, laws: &Laws) -> Self {
        Self { model: DerivedModel::new(model, laws) }
    }
}

impl ModelChecks for SaasV1 {
    type Aggregates = Aggregates;

    fn rules(&self, table: Table, readable: &[Table]) -> Vec<(Rule, String)> {
        let can_be_checked = |rule: Rule| rule != rules::LOGGED_TRUTH || readable.contains(&saas_v1::USAGE_TRUTH);
        let rules = rules::rules(table).iter().copied().filter(|&rule| can_be_checked(rule));
        rules.map(|rule| (rule, rules::check_name(&self.model, table, rule))).collect()
    }

    fn generated_tables(&self, present: &[Table]) -> Vec<(Table, ColumnSet)> {
        let has_table = |table: Table| present.contains(&table);
        let customers =
            (!has_table(saas_v1::CUSTOMERS)).then(|| (saas_v1::CUSTOMERS, ColumnSet::all(saas_v1::CUSTOMERS)));
        let truth = (has_table(saas_v1::USAGE_DAILY) && !has_table(saas_v1::USAGE_TRUTH))
            .then(|| (saas_v1::USAGE_TRUTH, TRUTH_COLUMNS.into_iter().collect()));
        customers.into_iter().chain(truth).collect()
    }

    fn new_aggregates(&self) -> Aggregates {
        Aggregates::new(&self.model)
    }

    fn merge(all: &mut Aggregates, part: &Aggregates) {
        all.merge(part);
    }

    fn check_customers(
        &self,
        chunk: &CustomerChunk<'_>,
        aggregates: &mut Aggregates,
        violations: &mut Violations,
    ) -> Result<()> {
        check_customers(&self.model, chunk, aggregates, violations)
    }

    fn check_table(&self, rows: &Rows, _aggregates: &mut Aggregates, violations: &mut Violations) {
        if rows.table() == saas_v1::RETENTION_CURVES {
            retention_curves::check(&self.model, rows, violations);
        }
    }

    fn test_laws(&self, aggregates: &Aggregates, read: &[Table]) -> Vec<TestedLaw> {
        laws::test_all(&self.model, aggregates, read)
    }

    fn into_report(self, aggregates: Aggregates, read: Vec<Table>) -> Box<dyn ModelReport> {
        Box::new(ReportData::new(self.model, aggregates, read))
    }
}
