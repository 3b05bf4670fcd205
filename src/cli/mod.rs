//! The program that people run: one file a subcommand.

mod credentials;
mod describe;
mod files;
mod generate;
mod logging;
mod output;
mod progress;
mod pull;
mod serve;
mod serve_args;
mod stop;
mod systemd;
mod verify;

use crate::error::{Error, Result};
use crate::model::{MAX_CUSTOMERS, Model};
use crate::tables::{DataSet, Laws, Table};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::sync::Arc;

/// Realistic, deterministic SaaS customer data of any size, as Parquet or streamed over Arrow Flight.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "Examples:
  saasgen generate                                 the default data set as Parquet in data/raw
  saasgen serve                                    a Flight server on grpc://127.0.0.1:8815
  saasgen pull                                     that server's tables as Parquet in data/raw
  saasgen verify --report report.html              prove data/raw against the model
  saasgen describe usage_daily                     a table's columns, laws and expected rows")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Generate(generate::Generate),
    Serve(serve::Serve),
    Pull(pull::Pull),
    Verify(verify::Verify),
    Describe(describe::Describe),
}

impl Cli {
    /// Does what the command says, and returns whether what it was asked to judge, if anything, holds. `give_memory_back`
    /// is called as [`Server::with_idle`](crate::flight::server::Server::with_idle) has it.
    ///
    /// # Errors
    /// Whatever kept it from being done; [`Error::exit_code`] says how the program is to end.
    pub fn run(self, give_memory_back: fn()) -> Result<bool> {
        match self.command {
            Command::Generate(command) => command.run()?,
            Command::Serve(command) => command.run(give_memory_back)?,
            Command::Pull(command) => command.run()?,
            Command::Describe(command) => command.run()?,
            Command::Verify(command) => return command.run(),
        }
        Ok(true)
    }
}

/// Which data set.
#[derive(Debug, Args)]
struct DataSetArgs {
    /// Customers of the data set, 1 to 10^12
    #[arg(long, value_name = "N", default_value_t = DataSet::DEFAULT_CUSTOMERS,
          value_parser = clap::value_parser!(u64).range(1..=MAX_CUSTOMERS))]
    customers: u64,

    /// Seed of the data set: another seed, other customers of the same company
    #[arg(long, value_name = "S", default_value_t = DataSet::DEFAULT_SEED)]
    seed: u64,

    #[command(flatten)]
    model: ModelArgs,
}

/// Which model.
#[derive(Debug, Args)]
struct ModelArgs {
    /// TOML file whose keys replace those of the model saas-v1; `saasgen describe` prints them all
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

impl ModelArgs {
    fn load(&self) -> Result<Model> {
        match &self.model {
            Some(path) => Model::from_file(path),
            None => Model::saas_v1(),
        }
    }
}

impl DataSetArgs {
    fn load(&self) -> Result<DataSet> {
        DataSet::new(Arc::new(Laws::new(self.model.load()?)), self.seed, self.customers)
    }
}

fn table(name: &str) -> std::result::Result<String, String> {
    Table::from_name(name).map(|table| table.name().to_string()).map_err(|error| error.to_string())
}

/// So many threads as asked for, or one a core.
fn threads(asked: Option<u64>) -> usize {
    match asked {
        Some(threads) => threads as usize,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("starting the async runtime: {error}")))
}
