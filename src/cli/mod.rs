//! The command line of `saasgen`: one file a subcommand, and the parts that they share.

mod args;
mod describe;
mod generate;
mod progress;
mod pull;
mod runtime;
mod serve;
mod stdout;
mod stop_signal;
mod verification_table;
mod verify;
mod write_summary;

pub use stop_signal::end_by_stop_signal;

use crate::error::Result;
use clap::{Parser, Subcommand};

/// Generate, serve and verify realistic SaaS customer data of any size
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "Examples:
  saasgen generate                       write Parquet files to data/raw
  saasgen serve                          serve on grpc://127.0.0.1:8815
  saasgen pull                           write that server's tables to data/raw
  saasgen verify --report report.html    check data/raw and write a report
  saasgen describe usage_daily           print a table's columns and laws

Exit codes: 0 success, 1 failure, 2 wrong usage; a signal that stops a run also ends the program")]
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
    /// Runs the subcommand. Returns `false` if `verify` found a fault in the data set, and `true` otherwise.
    ///
    /// `give_memory_back` is passed to [`Server::with_idle`](crate::flight::server::Server::with_idle).
    ///
    /// # Errors
    /// Returns the error that ended the subcommand. Its [`exit_code`](crate::error::Error::exit_code) is that of the
    /// program.
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
