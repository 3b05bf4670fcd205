//! What is generated again, as far as the data set says which it is: to be compared, and to judge the rest by.

use super::Subject;
use super::activity::TRUTH_COLUMNS;
use super::exact::Generated;
use super::rows::Rows;
use crate::batches::TableSource;
use crate::scan::Scan;
use crate::tables::{ColumnSet, Generator, Table};
use std::ops::Range;

/// Generators of a claimed data set; none of one of unknown origin.
#[derive(Debug)]
pub(super) struct Again {
    /// The tables that are there and claimed.
    pub tables: Vec<Generated>,
    /// Customers to judge the other tables by, where only the claim tells of them.
    pub customers: Option<Generator>,
    /// Which logs were lost, where the data set has no `usage_truth`.
    pub truth: Option<Generator>,
}

impl Again {
    /// For `sources`, the tables of customers that are there.
    pub fn new(subject: &Subject<'_>, sources: &[&dyn TableSource]) -> Self {
        let is_there = |table: Table| sources.iter().any(|source| source.table() == table);
        let scans = || subject.claim.iter().flat_map(|claim| &claim.scans);
        let data_set = scans().map(Scan::data_set).next();
        let generator = |table: Table, columns: ColumnSet| {
            data_set.map(|data_set| Generator::new(data_set.clone(), table, subject.model.window().range(), columns))
        };
        let lacks_customers = !is_there(Table::Customers);
        let lacks_truth = is_there(Table::UsageDaily) && !is_there(Table::UsageTruth);
        Self {
            tables: scans().filter(|scan| is_there(scan.table())).map(|scan| Generated::new(scan.clone())).collect(),
            customers: generator(Table::Customers, ColumnSet::all(Table::Customers)).filter(|_| lacks_customers),
            truth: generator(Table::UsageTruth, TRUTH_COLUMNS.into_iter().collect()).filter(|_| lacks_truth),
        }
    }
}

/// The rows of the customers in `ids`.
pub(super) fn rows_of(generator: &Generator, ids: &Range<i64>) -> Rows {
    Rows::of_columns(generator.table(), generator.rows(ids.start as u64..ids.end as u64))
}
