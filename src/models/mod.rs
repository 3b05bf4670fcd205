//! Models: companies whose tables are generated. A model gives its tables, its laws and the rows of any customers.
//!
//! A row is a pure function of the model, the seed and the address of its values. The rest of the program knows models
//! only by what this module gives: [`Model`], [`Table`], [`DataSet`] and [`Generator`]. Each built-in model has a module
//! of its own.

mod bounds;
mod built_in;
mod calendar;
mod column;
mod data_set;
mod definition;
mod expected;
mod generator;
mod identity;
mod laws;
mod model;
mod names;
mod overlay;
pub mod saas_v1;
pub mod saas_v2;
mod table;
mod usage_kernel;

pub use bounds::Bounds;
pub use built_in::{built_in_tables, default_tables, table_names, tables_of};
pub use calendar::{Day, Window, date_of, day_of};
pub use column::{Column, ColumnMut};
pub use data_set::{DataSet, MAX_CUSTOMERS};
pub use expected::{Expected, RowsPerCustomer};
pub use generator::Generator;
pub use identity::{Identity, WindowDates};
pub use laws::{DeferredRows, ModelLaws, TableRows};
pub use model::Model;
pub use names::Names;
pub use table::{ColumnSet, ColumnSpec, ForeignKey, Kind, ModelVersion, Table, TableSpec};
