//! `saasgen serve`.

use super::DataSetArgs;
use super::output::print;
use super::serve_args::{AccessArgs, LimitArgs};
use crate::error::{Error, Result};
use crate::flight::location::{Location, Transport};
use crate::flight::server::{Server, Threads};
use clap::Args;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Serve the tables over Arrow Flight, generating rows as they are read
///
/// A ticket is a table's name, with keys if need be: `customers`, `usage_daily?from=2024-01-01&to=2024-01-31`.
/// Prints the address on a line of its own; stops on Ctrl-C and SIGTERM.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen serve
  saasgen serve --listen 127.0.0.1:0 --customers 1000000000 --seed 7
  saasgen serve --listen grpc+unix:///run/user/1000/saasgen.sock
  saasgen serve --listen [::]:8815 --tls-cert server.pem --tls-key server.key --auth-tokens tokens
  saasgen serve --listen 10.0.0.1:8815 --insecure --advertise grpc://a:8815,grpc://b:8815")]
pub(super) struct Serve {
    /// Address to listen on: HOST:PORT, where port 0 picks a free one, or grpc+unix:///PATH, a socket of its owner's alone
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8815", value_parser = address)]
    listen: String,

    /// Replicas that clients may read from: each endpoint lists all of them, each beginning with another one.
    /// They must serve the same model [default: endpoints are read where they were asked for]
    #[arg(long, value_name = "URI,URI", value_delimiter = ',', value_parser = replica)]
    advertise: Vec<Location>,

    #[command(flatten)]
    access: AccessArgs,

    #[command(flatten)]
    limits: LimitArgs,

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

fn address(text: &str) -> std::result::Result<String, String> {
    let is_socket =
        || text.parse::<Location>().is_ok_and(|location| matches!(location.transport(), Transport::Unix(_)));
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    if (port.parse::<u16>().is_ok() && !host.is_empty()) || is_socket() {
        return Ok(text.to_string());
    }
    Err("it must be HOST:PORT, such as 127.0.0.1:8815 or 127.0.0.1:0, or grpc+unix:///PATH".into())
}

impl Serve {
    pub fn run(self) -> Result<()> {
        let data_set = self.data_set.load()?;
        let limits = self.limits.limits();
        if data_set.customers() > limits.customers {
            return Err(Error::Misuse(format!(
                "--customers is {}, more than --max-customers {} allows",
                data_set.customers(),
                limits.customers
            )));
        }
        let access = Arc::new(self.access.load()?);
        super::runtime(Threads::available().sending)?.block_on(async {
            // Signals are listened for before anybody can know the address and send one.
            let catch = |kind| signal(kind).map_err(Error::io("listening for signals to", "the process"));
            let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
            let mut hang_up = catch(SignalKind::hangup())?;
            self.access.check(&self.listen, &access).await?;
            let server = Server::bind(&self.listen, data_set).await?;
            let server = server.with_replicas(self.advertise).with_limits(limits).with_access(Arc::clone(&access))?;
            tokio::spawn(async move {
                while hang_up.recv().await.is_some() {
                    match access.reload() {
                        Ok(()) => tracing::info!("read certificates and tokens again"),
                        Err(error) => tracing::error!(%error, "certificates and tokens stay as they were"),
                    }
                }
            });
            print(&format!("{}\n", server.location()))?;
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
