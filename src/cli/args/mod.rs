//! Options that several subcommands have.

mod credentials;
mod data_set;
mod output;

pub(super) use credentials::CredentialArgs;
pub(super) use data_set::{DataSetArgs, ModelArgs, table_name};
pub(super) use output::OutputArgs;
