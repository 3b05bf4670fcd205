//! The limits of `saasgen serve`.

use crate::cli::args::count;
use crate::flight::server::Limits;
use crate::models::MAX_CUSTOMERS;
use clap::Args;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits (a call over a limit fails with RESOURCE_EXHAUSTED)")]
pub(super) struct LimitArgs {
    /// Maximum number of open DoGet streams, 1 to 1000000
    #[arg(long, value_name = "N", default_value_t = Limits::default().streams, value_parser = count(1..=1_000_000))]
    max_streams: u64,

    /// Maximum number of open DoGet streams for each name in --auth-tokens, 1 to 1000000
    #[arg(long, value_name = "N", default_value_t = Limits::default().streams_of_name, value_parser = count(1..=1_000_000))]
    max_streams_per_name: u64,

    /// Maximum number of blocks, of about 1 MB, that wait in memory to be sent, 0 to 1000000
    ///
    /// All streams share them. When half of them wait, the server makes smaller batches, first for clients that read
    /// slowly. It refuses no stream for lack of blocks.
    #[arg(long, value_name = "N", default_value_t = Limits::default().blocks, value_parser = count(0..=1_000_000))]
    max_blocks: u64,

    /// Maximum number of customers in a data set that a ticket names, 1 to 10^12
    #[arg(long, value_name = "N", default_value_t = MAX_CUSTOMERS, value_parser = count(1..=MAX_CUSTOMERS))]
    max_customers: u64,

    /// Maximum bytes of a request that is not an action, 1024 to 67108864
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().request_bytes as u32,
          value_parser = clap::value_parser!(u32).range(1_024..=64 << 20))]
    max_request_bytes: u32,

    /// Maximum bytes of an action, 1024 to 67108864
    ///
    /// DuckDB's Airport extension sends its filters in an action. The default has room for about 4,000 values.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().action_bytes as u32,
          value_parser = clap::value_parser!(u32).range(1_024..=64 << 20))]
    max_action_bytes: u32,

    /// Maximum bytes of a call's headers, counting 32 more for each header; 1024 to 1048576
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().header_bytes,
          value_parser = clap::value_parser!(u32).range(1_024..=1 << 20))]
    max_header_bytes: u32,

    /// Maximum number of open connections, 1 to 1000000
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections as u64, value_parser = count(1..=1_000_000))]
    max_connections: u64,

    /// Maximum number of open calls per connection, 1 to 10000; clients delay further calls
    #[arg(long, value_name = "N", default_value_t = Limits::default().calls.into(), value_parser = count(1..=10_000))]
    max_calls: u64,

    /// Seconds that a client has for the TLS handshake, the HTTP/2 preface and each request, 1 to 315360000
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().handshake.as_secs(),
          value_parser = seconds())]
    handshake_timeout: u64,

    /// Seconds after which a connection without a call is closed, 1 to 315360000
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().idle.as_secs(), value_parser = seconds())]
    idle_timeout: u64,

    /// Seconds that a client may leave an answer unread before its connection is closed, 1 to 315360000
    ///
    /// `pull` has an option of the same name for the opposite case, a server that sends nothing.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().stall.as_secs(), value_parser = seconds())]
    stall_timeout: u64,

    /// Seconds after which a client is told to open a new connection, 1 to 315360000; its open calls continue
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().age.as_secs(), value_parser = seconds())]
    max_connection_age: u64,

    /// Seconds between pings to a silent client, 1 to 315360000; the client has 20 seconds to answer
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().keepalive.as_secs(),
          value_parser = seconds())]
    keepalive: u64,
}

/// Returns the parser of a duration: one second to ten years.
fn seconds() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=315_360_000)
}

impl LimitArgs {
    pub fn limits(&self) -> Limits {
        Limits {
            streams: self.max_streams,
            streams_of_name: self.max_streams_per_name,
            blocks: self.max_blocks,
            customers: self.max_customers,
            request_bytes: self.max_request_bytes as usize,
            action_bytes: self.max_action_bytes as usize,
            header_bytes: self.max_header_bytes,
            connections: self.max_connections as usize,
            calls: self.max_calls as u32,
            handshake: Duration::from_secs(self.handshake_timeout),
            idle: Duration::from_secs(self.idle_timeout),
            stall: Duration::from_secs(self.stall_timeout),
            age: Duration::from_secs(self.max_connection_age),
            keepalive: Duration::from_secs(self.keepalive),
            keepalive_answer: Limits::default().keepalive_answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn limits(args: &[&str]) -> Limits {
        Command::try_parse_from([&["serve"], args].concat()).unwrap().limits.limits()
    }

    #[test]
    fn each_option_sets_its_own_limit() {
        let default = Limits::default();
        assert_eq!(limits(&[]), default);
        let seconds = Duration::from_secs;
        for (option, value, expected) in [
            ("--max-streams", "7", Limits { streams: 7, ..default }),
            ("--max-streams-per-name", "7", Limits { streams_of_name: 7, ..default }),
            ("--max-blocks", "7", Limits { blocks: 7, ..default }),
            ("--max-customers", "7", Limits { customers: 7, ..default }),
            ("--max-request-bytes", "7000", Limits { request_bytes: 7_000, ..default }),
            ("--max-action-bytes", "7000", Limits { action_bytes: 7_000, ..default }),
            ("--max-header-bytes", "7000", Limits { header_bytes: 7_000, ..default }),
            ("--max-connections", "7", Limits { connections: 7, ..default }),
            ("--max-calls", "7", Limits { calls: 7, ..default }),
            ("--handshake-timeout", "7", Limits { handshake: seconds(7), ..default }),
            ("--idle-timeout", "7", Limits { idle: seconds(7), ..default }),
            ("--stall-timeout", "7", Limits { stall: seconds(7), ..default }),
            ("--max-connection-age", "7", Limits { age: seconds(7), ..default }),
            ("--keepalive", "7", Limits { keepalive: seconds(7), ..default }),
        ] {
            assert_eq!(limits(&[option, value]), expected, "{option}");
        }
    }
}
