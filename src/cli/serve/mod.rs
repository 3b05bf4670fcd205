//! `saasgen serve`: serves a data set over Arrow Flight.

mod access_args;
mod limit_args;
mod log_args;
mod signals;
mod systemd;

use super::args::DataSetArgs;
use super::runtime::{runtime, threads};
use super::stdout::print_apart;
use crate::error::{Error, Result};
use crate::flight::location::{Location, Transport};
use crate::flight::server::{Access, Limits, Server};
use crate::models::DataSet;
use crate::workers::check_threads;
use access_args::AccessArgs;
use clap::Args;
use limit_args::LimitArgs;
use log_args::LogArgs;
use signals::Signals;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The interval at which a running server checks whether its certificate expires soon.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(86_400);

/// Serve a data set over Arrow Flight, generating the rows as clients read them
///
/// A ticket is the name of a table, with optional keys: `customers`, or `usage_daily?from=2024-01-01&to=2024-01-31`.
/// Memory does not grow with the data set.
///
/// The server prints its address as one line to stdout, and logs to stderr. Ctrl-C or SIGTERM ends it: new streams are
/// refused, and running streams have --drain-timeout seconds to end. A second signal ends it at once.
///
/// SIGHUP makes it read certificates and tokens again. A server in a terminal, or without such files, stops instead.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen serve
  saasgen serve --listen 127.0.0.1:0 --customers 1000000000 --seed 7
  saasgen serve --metrics 127.0.0.1:0 --log json --drain-timeout 60
  saasgen serve --listen grpc+unix:///run/user/1000/saasgen.sock
  saasgen serve --tls-cert server.pem --tls-key server.key --auth-tokens tokens
  saasgen serve --listen [::]:8815 --insecure --advertise grpc://a:1,grpc://b:1")]
pub(in crate::cli) struct Serve {
    /// Address to listen on: HOST:PORT or grpc+unix:///PATH
    ///
    /// Port 0 picks a free port. Only the owner of a Unix socket can connect to it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8815", value_parser = listen_address)]
    listen: String,

    /// Replicas from which clients can read [default: clients read from this server]
    ///
    /// All replicas must serve the same model. Every endpoint lists all of them. The first replica differs from one
    /// endpoint to the next, which spreads the load.
    #[arg(long, value_name = "URI,URI", value_delimiter = ',', value_parser = replica)]
    advertise: Vec<Location>,

    /// Seconds that running streams have to end after a stop signal, 0 to 86400
    ///
    /// Streams that are still running then end with UNAVAILABLE.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=86_400))]
    drain_timeout: u64,

    /// Address for Prometheus metrics over HTTP, at /metrics, and for probes, at /healthz [default: neither]
    ///
    /// A loopback address, such as 127.0.0.1:9090, needs no credentials. On any other address, metrics have the TLS and
    /// the tokens of --listen, and need --insecure without them. Probes need no token. Port 0 picks a free port; the log
    /// shows it.
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    metrics: Option<String>,

    #[command(flatten)]
    data_set: DataSetArgs,

    #[command(flatten)]
    access: AccessArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    log: LogArgs,
}

fn replica(text: &str) -> Result<Location, String> {
    let location: Location = text.parse().map_err(|error: Error| error.to_string())?;
    if !location.is_reachable() {
        return Err("clients can't connect to this address; name the host as clients see it".into());
    }
    Ok(location)
}

fn host_and_port(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    match port.parse::<u16>() {
        Ok(_) if !host.is_empty() => Ok(text.to_string()),
        _ => Err("it must be HOST:PORT, such as 127.0.0.1:8815 or 127.0.0.1:0".into()),
    }
}

fn listen_address(text: &str) -> Result<String, String> {
    let is_socket = text.parse::<Location>().is_ok_and(|location| matches!(location.transport(), Transport::Unix(_)));
    if is_socket { Ok(text.to_string()) } else { host_and_port(text).map_err(|wrong| wrong + ", or grpc+unix:///PATH") }
}

/// Turns off transparent huge pages for this process.
///
/// Several threads allocate and free blocks, and a huge page of 2 MiB stays in use while any part of it is. With huge
/// pages, the server held 61 to 69 MiB while four clients each read 410M rows; without, it held 50 MiB. A single client
/// gets 3 % fewer rows per second.
fn turn_off_huge_pages() {
    // If the system refuses, the server works the same and holds more memory.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

impl Serve {
    pub fn run(self, give_memory_back: fn()) -> Result<()> {
        let data_set = self.data_set.load()?;
        let limits = self.limits.limits();
        if data_set.customers() > limits.customers {
            return Err(Error::Misuse(format!(
                "--customers is {}, more than --max-customers {} allows: lower --customers, or raise --max-customers",
                data_set.customers(),
                limits.customers
            )));
        }
        let access = Arc::new(self.access.load()?);
        // The log panics if it gets no thread.
        check_threads(1)?;
        let _log_guard = self.log.start()?;
        turn_off_huge_pages();
        let runtime = runtime(threads(None))?;
        runtime.block_on(self.serve(data_set, limits, access, give_memory_back))
    }

    async fn serve(self, data_set: DataSet, limits: Limits, access: Arc<Access>, give_memory_back: fn()) -> Result<()> {
        // The handlers are installed before the address is known, so no signal is missed.
        let Signals { stop: mut stop_signals, reload: mut reload_signal } = Signals::listen(self.access.has_files())?;
        let drain_timeout = Duration::from_secs(self.drain_timeout);
        self.access.check("--listen", &self.listen, &access).await?;
        if let Some(address) = &self.metrics {
            self.access.check("--metrics", address, &access).await?;
        }
        let server = Server::bind(&self.listen, data_set)
            .await?
            .with_replicas(self.advertise)
            .with_limits(limits)
            .with_access(Arc::clone(&access))?
            .with_drain_timeout(drain_timeout)
            .with_idle(give_memory_back);
        if let Some(address) = &self.metrics {
            let metrics = server.metrics_endpoint(address).await?;
            tracing::info!("metrics at {}", metrics.url());
            tokio::spawn(metrics.serve());
        }
        let address = server.location().to_string();
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "serving at {address}");
        systemd::ready(&address);
        let announcing = async {
            print_apart(format!("{address}\n")).await?;
            std::future::pending().await
        };

        let (stop, open) = (CancellationToken::new(), server.activity().open_streams());
        let stopping = async {
            stop_signals.next().await;
            systemd::stopping(drain_timeout);
            stop.cancel();
            stop_signals.skip_repeats().await;
            stop_signals.next().await;
            *open.borrow()
        };
        let reloading = async {
            loop {
                if let Some(warning) = access.certificate_warning() {
                    tracing::warn!("{warning}");
                }
                tokio::select! {
                    () = reload_signal.next() => {}
                    () = tokio::time::sleep(CERTIFICATE_CHECK) => continue,
                }
                systemd::reloading();
                match access.reload() {
                    Ok(()) => tracing::info!("reloaded certificates and tokens"),
                    Err((kept, error)) => tracing::error!(%error, "reload failed: the old {kept} stay in use"),
                }
                systemd::reloaded();
            }
        };
        let result = tokio::select! {
            result = server.serve(stop.cancelled()) => result,
            streams = stopping => {
                tracing::warn!(streams, "second signal to stop: running streams are cut off");
                Ok(())
            }
            failed = announcing => failed,
            never = reloading => never,
        };
        tracing::info!("stopped");
        result
    }
}
