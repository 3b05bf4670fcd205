//! The command line of `saasgen`: one file a subcommand, and the parts that they share.

mod args;
mod describe;
mod environment;
mod generate;
mod health;
mod progress;
mod pull;
mod runtime;
mod serve;
mod stdout;
mod stop_signal;
mod terminal;
mod verification_table;
mod verify;
mod write_summary;

pub use stop_signal::{end_by_stop_signal, is_stopped};

use crate::error::Result;
use args::with_negative_numbers;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;

/// Generate, serve and verify realistic SaaS customer data of any size
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "Examples:
  saasgen generate                       write Parquet files to data/raw
  saasgen serve                          serve on grpc://127.0.0.1:8815
  saasgen pull                           write that server's tables to data/raw
  saasgen verify --report report.html    check data/raw and write a report
  saasgen describe customers             print a table's columns and laws
  saasgen health                         ask whether that server takes new streams

Environment variables can set the options of generate and serve:
SAASGEN_CUSTOMERS=5 stands for --customers 5

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
    Health(health::Health),
}

impl Cli {
    /// Reads the command line of this process, and the environment variables that set options. Ends the process after
    /// `--help` and for wrong usage.
    pub fn of_process() -> Self {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let plain = with_negative_numbers(Self::command());
        let mut command = environment::with_variables(plain.clone());
        let matches = command.try_get_matches_from_mut(&arguments);
        let parsed = matches.and_then(|matches| Ok((Self::from_arg_matches(&matches)?, matches)));
        let (cli, matches) = parsed
            .unwrap_or_else(|error| environment::with_origin(error, &arguments, &plain).format(&mut command).exit());
        let is_quiet = |matches: &ArgMatches| matches.try_get_one("quiet").ok().flatten() == Some(&true);
        let subcommand = matches.subcommand().filter(|(_, matches)| !is_quiet(matches));
        for warning in subcommand.iter().flat_map(|(name, _)| environment::warnings(&plain, name)) {
            // If stderr is closed, nobody reads the warning.
            let _ = writeln!(std::io::stderr(), "warning: {warning}");
        }
        cli
    }

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
            Command::Health(command) => command.run()?,
            Command::Verify(command) => return command.run(),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_of_every_number_names_its_range() {
        let command = Cli::command();
        let mut numbers = 0;
        for subcommand in command.get_subcommands() {
            for option in subcommand.get_arguments() {
                let names = option.get_value_names().unwrap_or_default();
                if names.iter().any(|name| ["N", "S", "SECONDS", "BYTES", "PART", "PARTS"].contains(&name.as_str())) {
                    let help = option.get_help().unwrap().to_string();
                    assert!(help.contains(" to "), "{} --{}: {help}", subcommand.get_name(), option.get_id());
                    numbers += 1;
                }
            }
        }
        assert!(numbers > 30, "{numbers}");
    }
}
