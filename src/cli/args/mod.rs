//! Options that several subcommands have.

mod count;
mod credentials;
mod data_set;
mod local_path;
mod output;
mod rows;

pub(super) use count::{count, with_negative_numbers};
pub(super) use credentials::{CredentialArgs, TOKEN};
pub(super) use data_set::{DataSetArgs, ModelArgs, table_name};
pub(super) use local_path::local_path;
pub(super) use output::OutputArgs;
pub(super) use rows::RowArgs;
