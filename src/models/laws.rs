//! What every model gives to the engine.

use super::bounds::Bounds;
use super::calendar::Day;
use super::column::{Column, ColumnMut};
use super::expected::RowsPerCustomer;
use super::names::Names;
use super::table::{ColumnSet, Table};
use std::any::Any;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// The laws of a model with given parameters: all that its values depend on, but for the seed.
pub trait ModelLaws: Any + Debug + Send + Sync {
    /// Returns the names of a list, in the order of their codes. There are at most 100.
    fn names(&self, names: Names) -> Vec<&str>;

    /// Returns the number of sections of a table without customers.
    fn sections(&self, table: Table) -> u64;

    /// Returns the number of rows of a customer, or of a section, whose date is in `days`.
    fn rows_per_customer(&self, table: Table, days: &Range<Day>) -> RowsPerCustomer;

    /// Returns the bounds of a column of `table`, by its index, in a data set of this size.
    fn bounds(&self, table: Table, column: usize, customers: u64) -> Bounds;

    /// Returns the rows of `columns` of `table` whose date is in `days`, which are days of the window.
    fn rows(self: Arc<Self>, seed: u64, table: Table, days: Range<Day>, columns: ColumnSet) -> Box<dyn TableRows>;
}

/// The rows of one table, for fixed dates and columns and for any customers.
pub trait TableRows: Debug + Send + Sync {
    /// Returns the columns of the rows of the customers, or of the sections, with these ids. See
    /// [`Generator::rows`](super::Generator::rows).
    fn of(&self, ids: Range<u64>) -> Vec<Column>;

    /// Returns the same rows with their columns not computed yet, if the table can do that. See
    /// [`Generator::deferred_rows`](super::Generator::deferred_rows).
    fn deferred(&self, _ids: Range<u64>) -> Option<Box<dyn DeferredRows + '_>> {
        None
    }
}

/// Rows whose number is known, but whose columns are not computed yet.
pub trait DeferredRows {
    /// Returns the number of rows.
    fn rows(&self) -> usize;

    /// Computes the columns, in the table's order.
    fn into_columns(self: Box<Self>) -> Vec<Column>;

    /// Computes the columns in the memory of `columns`, in the table's order.
    ///
    /// Returns `None` if the number, the types or the lengths of `columns` differ from those of the rows. Their content
    /// has no meaning then.
    fn write(&self, columns: Vec<ColumnMut<'_>>) -> Option<()>;
}
