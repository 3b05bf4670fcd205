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
use crate::model::Model;
use crate::tables::{ColumnSet, Table};
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
    pub fn new(model: Model) -> Self {
        Self { model: DerivedModel::new(model) }
    }
}

impl ModelChecks for SaasV1 {
    type Aggregates = Aggregates;

    fn required_tables(&self) -> &'static [Table] {
        &[Table::Customers, Table::UsageDaily, Table::Billing, Table::Support]
    }

    fn rules(&self, table: Table, readable: &[Table]) -> Vec<(Rule, String)> {
        let can_be_checked = |rule: Rule| rule != rules::LOGGED_TRUTH || readable.contains(&Table::UsageTruth);
        let rules = rules::rules(table).iter().copied().filter(|&rule| can_be_checked(rule));
        rules.map(|rule| (rule, rules::check_name(&self.model, table, rule))).collect()
    }

    fn generated_tables(&self, present: &[Table]) -> Vec<(Table, ColumnSet)> {
        let has_table = |table: Table| present.contains(&table);
        let customers = (!has_table(Table::Customers)).then(|| (Table::Customers, ColumnSet::all(Table::Customers)));
        let truth = (has_table(Table::UsageDaily) && !has_table(Table::UsageTruth))
            .then(|| (Table::UsageTruth, TRUTH_COLUMNS.into_iter().collect()));
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

    fn check_table(&self, rows: &Rows, violations: &mut Violations) {
        if rows.table() == Table::RetentionCurves {
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
