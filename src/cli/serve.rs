//! `saasgen serve`.

use super::DataSetArgs;
use super::output::print;
use crate::error::{Error, Result};
use crate::flight::location::Location;
use crate::flight::server::{Limits, Server, Threads};
use crate::model::MAX_CUSTOMERS;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

/// Serve the tables over Arrow Flight, generating rows as they are read
///
/// A ticket is a table's name, with keys if need be: `customers`, `usage_daily?from=2024-01-01&to=2024-01-31`.
/// Prints the address on a line of its own; stops on Ctrl-C and SIGTERM.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen serve
  saasgen serve --listen 127.0.0.1:0 --customers 1000000000 --seed 7
  saasgen serve --listen 10.0.0.1:8815 --advertise grpc://10.0.0.1:8815,grpc://10.0.0.2:8815")]
pub(super) struct Serve {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8815", value_parser = host_and_port)]
    listen: String,

    /// Replicas that clients may read from: each endpoint lists all of them, each beginning with another one.
    /// They must serve the same model [default: endpoints are read where they were asked for]
    #[arg(long, value_name = "URI,URI", value_delimiter = ',', value_parser = replica)]
    advertise: Vec<Location>,

    /// DoGet streams open at a time; more are refused with RESOURCE_EXHAUSTED. One that nobody reads on holds about 1 MB
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT_STREAMS, value_parser = clap::value_parser!(u64).range(1..))]
    max_streams: u64,

    /// Customers of a data set that a ticket may name; more are refused with RESOURCE_EXHAUSTED
    #[arg(long, value_name = "N", default_value_t = MAX_CUSTOMERS,
          value_parser = clap::value_parser!(u64).range(1..=MAX_CUSTOMERS))]
    max_customers: u64,

    #[command(flatten)]
    data_set: DataSetArgs,
}

fn replica(text: &str) -> std::result::Result<Location, String> {
    let location: Location = text.parse().map_err(|error: Error| error.to_string())?;
    if !location.is_reachable() {
        return Err("it is no address that a client can connect to: name the host as clients see it".into());
    }
    Ok(location)
}

fn host_and_port(text: &str) -> std::result::Result<String, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    match port.parse::<u16>() {
        Ok(_) if !host.is_empty() => Ok(text.to_string()),
        _ => Err("it must be HOST:PORT, such as 127.0.0.1:8815 or 127.0.0.1:0".into()),
    }
}

impl Serve {
    pub fn run(self) -> Result<()> {
        let data_set = self.data_set.load()?;
        if data_set.customers() > self.max_customers {
            return Err(Error::Misuse(format!(
                "--customers is {}, more than --max-customers {} allows",
                data_set.customers(),
                self.max_customers
            )));
        }
        let limits = Limits { streams: self.max_streams, customers: self.max_customers };
        super::runtime(Threads::available().sending)?.block_on(async {
            // Signals are listened for before anybody can know the address and send one.
            let catch = |kind| signal(kind).map_err(Error::io("listening for signals to", "the process"));
            let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
            let server = Server::bind(&self.listen, data_set).await?.with_replicas(self.advertise).with_limits(limits);
            print(&format!("grpc://{}\n", server.local_addr()))?;
            server
                .serve(async {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                })
                .await
        })
    }
}
