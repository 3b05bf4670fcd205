//! Access to `saasgen serve`: TLS, tokens, and the addresses to listen on without them.

use crate::cli::args::local_path;
use crate::error::{Error, Result};
use crate::flight::server::{Access, TlsFiles};
use clap::Args;
use std::path::PathBuf;
use tokio::net::lookup_host;

#[derive(Debug, Args)]
#[command(next_help_heading = "Access (SIGHUP reloads the files, except in a terminal)")]
pub(super) struct AccessArgs {
    /// Certificate of the server in PEM form, with its chain; turns on TLS
    ///
    /// From 14 days before it expires, the server logs a warning at its start, on SIGHUP and once a day.
    #[arg(long, value_name = "FILE", value_parser = local_path(), requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Private key of that certificate in PEM form, not encrypted
    ///
    /// It can be RSA with 2048 to 8192 bits, ECDSA P-256, ECDSA P-384 or Ed25519.
    #[arg(long, value_name = "FILE", value_parser = local_path(), requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Certificate authorities in PEM form; every client needs a certificate that one of them signed (mutual TLS)
    #[arg(long, value_name = "FILE", value_parser = local_path(), requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,

    /// File with one `name:token` per line; every call must send one of the tokens
    ///
    /// A token has 16 to 1024 visible ASCII characters, such as `openssl rand -hex 32` prints. The file must be
    /// readable only by its owner and its group. Health checks need no token.
    #[arg(long, value_name = "FILE", value_parser = local_path())]
    auth_tokens: Option<PathBuf>,

    /// Accept connections from other machines without TLS, or without tokens and client certificates
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

    /// Returns whether there are files to read again.
    pub fn has_files(&self) -> bool {
        self.tls_cert.is_some() || self.auth_tokens.is_some()
    }

    /// Checks that other machines can reach the `address` of `option` only with TLS and proof of identity, or with
    /// `--insecure`.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if they could reach it otherwise, and [`Error::Io`] if `address` can't be resolved.
    pub async fn check(&self, option: &'static str, address: &str, access: &Access) -> Result<()> {
        if address.starts_with("grpc+unix:") || (access.has_tls() && access.knows_clients()) {
            return Ok(());
        }
        let mut addresses = lookup_host(address).await.map_err(Error::listening(option, address))?;
        if addresses.all(|address| address.ip().to_canonical().is_loopback()) {
            return Ok(());
        }
        let (danger, remedy) = match (access.has_tls(), access.knows_clients()) {
            (true, _) => ("without proof of identity: anybody could read from it", "--auth-tokens or --tls-client-ca"),
            (false, true) => {
                ("without TLS: tokens and data would cross the network unencrypted", "--tls-cert and --tls-key")
            }
            (false, false) => (
                "without TLS and proof of identity: anybody could read from it, and data would cross the network \
                 unencrypted",
                "--tls-cert and --tls-key, and --auth-tokens or --tls-client-ca",
            ),
        };
        if !self.insecure {
            return Err(Error::Misuse(format!(
                "{option} {address} accepts connections from other machines {danger}. Add {remedy}, or allow it with \
                 --insecure"
            )));
        }
        tracing::warn!("--insecure: {option} {address} accepts connections from other machines {danger}");
        Ok(())
    }
}
