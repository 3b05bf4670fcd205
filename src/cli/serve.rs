//! `saasgen serve`.

use super::DataSetArgs;
use super::logging::LogArgs;
use super::output::print;
use super::serve_args::{AccessArgs, LimitArgs};
use super::systemd;
use crate::error::{Error, Result};
use crate::flight::location::{Location, Transport};
use crate::flight::server::{Access, Limits, MetricsEndpoint, Server};
use crate::tables::DataSet;
use clap::Args;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Serve the tables over Arrow Flight, generating rows as they are read
///
/// A ticket is a table's name, with keys if need be: `customers`, `usage_daily?from=2024-01-01&to=2024-01-31`.
/// Prints the address on a line of its own, and logs to stderr. On Ctrl-C and SIGTERM it takes no new streams and ends
/// when the running ones have ended; a second signal ends it at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen serve
  saasgen serve --listen 127.0.0.1:0 --customers 1000000000 --seed 7
  saasgen serve --metrics 127.0.0.1:0 --log json --drain-timeout 60
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

    /// Seconds that running streams have to end once the server is told to stop; then they end with UNAVAILABLE
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=86_400))]
    drain_timeout: u64,

    /// Address of Prometheus metrics, at /metrics over HTTP: loopback only, since they ask for no credentials; port 0
    /// picks a free one, which the log tells [default: none]
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    metrics: Option<String>,

    #[command(flatten)]
    log: LogArgs,

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

fn address(text: &str) -> std::result::Result<String, String> {
    let is_socket = text.parse::<Location>().is_ok_and(|location| matches!(location.transport(), Transport::Unix(_)));
    if is_socket { Ok(text.to_string()) } else { host_and_port(text).map_err(|wrong| wrong + ", or grpc+unix:///PATH") }
}

/// Has this process's memory come in pages of the usual size from here on. Blocks are made and freed by several threads,
/// and what is left of a transparent huge page, of 2 MiB, is held as long as any of it is used: four readers of 410M rows
/// each had the server hold 61 to 69 MiB, and now 50; one reader takes 3 % fewer rows a second.
fn without_huge_pages() {
    // Where the system refuses, the server holds more; it works the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

impl Serve {
    pub fn run(self, give_memory_back: fn()) -> Result<()> {
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
        let _written_to_the_end = self.log.start()?;
        without_huge_pages();
        let runtime = super::runtime(super::threads(None))?;
        runtime.block_on(self.serve(data_set, limits, access, give_memory_back))
    }

    async fn serve(self, data_set: DataSet, limits: Limits, access: Arc<Access>, give_memory_back: fn()) -> Result<()> {
        // Signals are listened for before anybody can know the address and send one.
        let mut signals = StopSignals::listen()?;
        let mut hangups = listen_for(SignalKind::hangup())?;
        let drain_timeout = Duration::from_secs(self.drain_timeout);
        self.access.check(&self.listen, &access).await?;
        let server = Server::bind(&self.listen, data_set)
            .await?
            .with_replicas(self.advertise)
            .with_limits(limits)
            .with_access(Arc::clone(&access))?
            .with_drain_timeout(drain_timeout)
            .with_idle(give_memory_back);
        if let Some(address) = &self.metrics {
            let metrics = MetricsEndpoint::bind(address, server.activity()).await?;
            tracing::info!("metrics at http://{}/metrics", metrics.local_addr());
            tokio::spawn(metrics.serve());
        }
        let address = server.location().to_string();
        print(&format!("{address}\n"))?;
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "serving at {address}");
        systemd::ready(&address);

        let (stop, open) = (CancellationToken::new(), server.activity().open_streams());
        let stopping = async {
            signals.next().await;
            systemd::stopping(drain_timeout);
            stop.cancel();
            signals.next().await;
            *open.borrow()
        };
        let reloading = async {
            while hangups.recv().await.is_some() {
                systemd::reloading();
                match access.reload() {
                    Ok(()) => tracing::info!("certificates and tokens were read again"),
                    Err(error) => tracing::error!(%error, "certificates and tokens stay as they were"),
                }
                systemd::reloaded();
            }
            std::future::pending().await
        };
        let result = tokio::select! {
            result = server.serve(stop.cancelled()) => result,
            streams = stopping => {
                tracing::warn!(streams, "told to stop twice: streams are cut off");
                Ok(())
            }
            () = reloading => Ok(()),
        };
        tracing::info!("stopped");
        result
    }
}

/// Ctrl-C and SIGTERM.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self> {
        Ok(Self { interrupt: listen_for(SignalKind::interrupt())?, terminate: listen_for(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn listen_for(kind: SignalKind) -> Result<Signal> {
    signal(kind).map_err(Error::io("listening for signals to", "the process"))
}
