//! Whom `saasgen serve` lets in, and how much it gives them.

use crate::error::{Error, Result};
use crate::flight::server::{Access, Limits, TlsFiles};
use crate::model::MAX_CUSTOMERS;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::lookup_host;

/// Whom to let in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who is let in (files are read again on SIGHUP)")]
pub(super) struct AccessArgs {
    /// Certificate in PEM form, with those that lead to one that clients trust: serve by TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Certificates of which one must have signed that of every client (mutual TLS)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,

    /// Tokens of which each call must bring one, `name:token` a line, readable by its owner and group only
    #[arg(long, value_name = "FILE")]
    auth_tokens: Option<PathBuf>,

    /// Listen beyond this machine though not both TLS and tokens (or client certificates) are asked for
    #[arg(long)]
    insecure: bool,
}

impl AccessArgs {
    /// Reads the files.
    pub fn load(&self) -> Result<Access> {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone()).map(|(certificate, key)| TlsFiles {
            certificate,
            key,
            client_ca: self.tls_client_ca.clone(),
        });
        Access::new(tls, self.auth_tokens.clone())
    }

    /// Refuses to listen beyond this machine for everybody, or in the open, unless that is wanted.
    pub async fn check(&self, address: &str, access: &Access) -> Result<()> {
        if address.starts_with("grpc+unix:") || (access.has_tls() && access.knows_clients()) {
            return Ok(());
        }
        let mut addresses = lookup_host(address).await.map_err(Error::io("listening on", address))?;
        if addresses.all(|address| address.ip().to_canonical().is_loopback()) {
            return Ok(());
        }
        let lack = match (access.has_tls(), access.knows_clients()) {
            (true, _) => "everybody who reaches it could read: give --auth-tokens or --tls-client-ca",
            (false, true) => "tokens and rows could be read on the way: give --tls-cert and --tls-key",
            (false, false) => {
                "everybody who reaches it could read, and be read: give --tls-cert and --tls-key, and --auth-tokens"
            }
        };
        if !self.insecure {
            return Err(Error::Misuse(format!(
                "--listen {address} is not only this machine, and {lack}, or --insecure"
            )));
        }
        tracing::warn!("--insecure: {address} is not only this machine, and {lack}");
        Ok(())
    }
}

/// How much to give.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits (over one: RESOURCE_EXHAUSTED, or the connection is closed)")]
pub(super) struct LimitArgs {
    /// DoGet streams open at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().streams, value_parser = clap::value_parser!(u64).range(1..))]
    max_streams: u64,

    /// DoGet streams open at a time of one name, where tokens give names
    #[arg(long, value_name = "N", default_value_t = Limits::default().streams_of_name, value_parser = clap::value_parser!(u64).range(1..))]
    max_streams_per_name: u64,

    /// Blocks of about 1 MB held for all streams together; past half of them batches get smaller, for slow readers first
    #[arg(long, value_name = "N", default_value_t = Limits::default().blocks, value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    max_blocks: u64,

    /// Customers of a data set that a ticket may name
    #[arg(long, value_name = "N", default_value_t = MAX_CUSTOMERS, value_parser = clap::value_parser!(u64).range(1..=MAX_CUSTOMERS))]
    max_customers: u64,

    /// Bytes of a request other than an action
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().request_bytes as u32, value_parser = clap::value_parser!(u32).range(1_024..=64 << 20))]
    max_request_bytes: u32,

    /// Bytes of an action; long lists of values that DuckDB filters by come in one
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().action_bytes as u32, value_parser = clap::value_parser!(u32).range(1_024..=64 << 20))]
    max_action_bytes: u32,

    /// Bytes of a call's headers, 32 for each counted in
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().header_bytes, value_parser = clap::value_parser!(u32).range(1_024..=1 << 20))]
    max_header_bytes: u32,

    /// Connections open at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections as u32, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,

    /// Calls open at a time on one connection; more wait at the client's
    #[arg(long, value_name = "N", default_value_t = Limits::default().calls, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_calls: u32,

    /// How long a client may take for the handshakes of TLS and HTTP/2, and for each request
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().handshake.as_secs(), value_parser = seconds())]
    handshake_timeout: u64,

    /// How long a connection stays without a call
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().idle.as_secs(), value_parser = seconds())]
    idle_timeout: u64,

    /// How long a client may leave an answer unread before its connection is closed
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().stall.as_secs(), value_parser = seconds())]
    stall_timeout: u64,

    /// How old a connection grows before its client is told to open another; its calls go on to their end
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().age.as_secs(), value_parser = seconds())]
    max_connection_age: u64,

    /// How often a silent client is asked whether it is still there; it has 20 seconds to answer
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().keepalive.as_secs(), value_parser = seconds())]
    keepalive: u64,
}

/// From a second to ten years.
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
            calls: self.max_calls,
            handshake: Duration::from_secs(self.handshake_timeout),
            idle: Duration::from_secs(self.idle_timeout),
            stall: Duration::from_secs(self.stall_timeout),
            age: Duration::from_secs(self.max_connection_age),
            keepalive: Duration::from_secs(self.keepalive),
            keepalive_answer: Limits::default().keepalive_answer,
        }
    }
}
