//! The checks, laws and charts of saas-v2.

mod aggregates;
mod charts;
mod checks;
mod derived_model;
mod laws;
mod report_data;
mod rules;
mod terms;

use super::customer_chunk::CustomerChunk;
use super::model_checks::{ModelChecks, TestedLaw};
use super::reading::Rows;
use super::report::ModelReport;
use super::rules::Rule;
use super::violations::Violations;
use crate::error::Result;
use crate::models::saas_v2::CUSTOMERS;
use crate::models::{ColumnSet, Model, Table, saas_v2};
use aggregates::Aggregates;
use checks::{check_customers, check_table};
use derived_model::DerivedModel;
use report_data::ReportData;

/// The checks of saas-v2.
#[derive(Debug)]
pub struct SaasV2 {
    model: DerivedModel,
}

impl SaasV2 {
    /// Returns the checks of `model`, whose laws are `laws`.
    pub fn new(model: Model, laws: &saas_v2::SaasV2) -> Self {
        Self { model: DerivedModel::new(model, laws) }
    }
}

impl ModelChecks for SaasV2 {
    type Aggregates = Aggregates;

    fn rules(&self, table: Table, readable: &[Table]) -> Vec<(Rule, String)> {
        rules::checks(table, readable)
    }

    fn generated_tables(&self, present: &[Table]) -> Vec<(Table, ColumnSet)> {
        let customers = (!present.contains(&CUSTOMERS)).then(|| (CUSTOMERS, ColumnSet::all(CUSTOMERS)));
        customers.into_iter().collect()
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

    fn check_table(&self, rows: &Rows, aggregates: &mut Aggregates, violations: &mut Violations) {
        check_table(&self.model, rows, aggregates, violations);
    }

    fn test_laws(&self, aggregates: &Aggregates, read: &[Table]) -> Vec<TestedLaw> {
        laws::test_all(&self.model, aggregates, read)
    }

    fn into_report(self, aggregates: Aggregates, read: Vec<Table>) -> Box<dyn ModelReport> {
        Box::new(ReportData { model: self.model, aggregates, read })
    }
}
