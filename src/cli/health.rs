//! `saasgen health`: asks a server whether it serves.

use super::args::CredentialArgs;
use super::runtime::runtime;
use super::stdout::print;
use crate::error::Result;
use crate::flight::client::check_health;
use clap::Args;
use std::time::Duration;

/// Ask a server whether it takes new streams, for probes that run a command
///
/// Uses the standard gRPC health service, which every gRPC server can have.
///
/// Exit codes: 0 if the server serves, 1 if it is stopping or does not answer, 2 for wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen health
  saasgen health grpc://localhost:8815 --timeout 2
  saasgen health grpc+tls://localhost:8815 --tls-ca server.pem")]
pub(super) struct Health {
    /// Server to ask: grpc://HOST:PORT, grpc+tls://HOST:PORT or grpc+unix:///PATH
    #[arg(value_name = "URI", default_value = "grpc://localhost:8815")]
    server: String,

    /// Seconds that the server has to answer, 1 to 3600
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,

    #[command(flatten)]
    credentials: CredentialArgs,
}

impl Health {
    pub fn run(self) -> Result<()> {
        let credentials = self.credentials.load()?;
        let check = check_health(&self.server, credentials, Duration::from_secs(self.timeout));
        runtime(1)?.block_on(check)?;
        print(&format!("{} is serving\n", self.server))
    }
}
