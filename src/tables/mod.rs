//! The values of each table: from a block of customers to plain columns.
//!
//! Each table is a pure function of the model, the seed, and the customers and dates that are asked for. Rows look up
//! nothing: the customer's profile is drawn again from the customer's address for every table.

mod billing;
mod bounds;
mod column;
mod customers;
mod data_set;
mod data_set_identity;
pub mod expected;
mod generator;
mod laws;
mod profiles;
pub mod purposes;
mod retention_curves;
mod schema;
mod support;
mod usage;

pub use bounds::Bounds;
pub use column::{Column, ColumnMut};
pub use data_set::DataSet;
pub use data_set_identity::{Identity, WindowDates};
pub use generator::{DeferredRows, Generator};
pub use laws::{Laws, active_probability, mean_tickets, minutes_limits};
pub use schema::{ColumnSet, ColumnSpec, ForeignKey, Kind, Names, Table};
