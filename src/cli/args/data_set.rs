//! The options that select a data set: its size, its seed and its model.

use super::count::count;
use super::local_path::local_path;
use crate::error::Result;
use crate::models::{DataSet, MAX_CUSTOMERS, Model, built_in_tables, table_names};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Data set")]
pub(in crate::cli) struct DataSetArgs {
    /// Number of customers in the data set, 1 to 10^12, such as 5000, 1_000_000, 1e6 or 1M
    #[arg(long, value_name = "N", default_value_t = DataSet::DEFAULT_CUSTOMERS,
          value_parser = count(1..=MAX_CUSTOMERS))]
    customers: u64,

    /// Seed of the random values, 0 to 2^64-1; another seed gives other customers of the same company
    #[arg(long, value_name = "S", default_value_t = DataSet::DEFAULT_SEED,
          value_parser = count(0..=u64::MAX))]
    seed: u64,

    #[command(flatten)]
    pub model: ModelArgs,
}

impl DataSetArgs {
    pub fn load(&self) -> Result<DataSet> {
        DataSet::new(self.model.load()?, self.seed, self.customers)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ModelArgs {
    /// Built-in model, saas-v1 or saas-v2, or a TOML file with changes to one [default: saas-v1]
    ///
    /// saas-v2 is a preview: its values may change in any release. A file holds only the keys to change, such as
    /// `retention.decay_days = 90.0`. With the key `base = "saas-v2"`, it changes saas-v2. `saasgen describe` prints all
    /// keys of a model and their values. `verify` and `generate --like` need no file if a manifest or a server states
    /// the model.
    #[arg(long, value_name = "MODEL", value_parser = local_path())]
    model: Option<PathBuf>,
}

impl ModelArgs {
    /// Returns the given model, or the default one.
    pub fn load(&self) -> Result<Model> {
        self.given()?.map_or_else(Model::default_built_in, Ok)
    }

    /// Returns the given model.
    pub fn given(&self) -> Result<Option<Model>> {
        self.model.as_deref().map(Model::from_name_or_file).transpose()
    }
}

/// The word that stands for all tables in a list of tables.
pub(super) const ALL_TABLES: &str = "all";

/// Parses the name of a table, or [`ALL_TABLES`].
pub(super) fn table_or_all(name: &str) -> Result<String, String> {
    match name {
        ALL_TABLES => Ok(name.to_string()),
        _ => table_name(name).map_err(|error| format!("{error}; `{ALL_TABLES}` stands for all of them")),
    }
}

/// Parses the name of a table of any model. Whether the chosen model has the table is checked once the model is known.
pub(in crate::cli) fn table_name(name: &str) -> Result<String, String> {
    match table_names().contains(&name) {
        true => Ok(name.to_string()),
        false => {
            let tables = built_in_tables().map(|(model, tables)| {
                let names: Vec<&str> = tables.iter().map(|table| table.name()).collect();
                format!("{model} has {}", names.join(", "))
            });
            Err(format!("no model has this table; {}", tables.join("; ")))
        }
    }
}
