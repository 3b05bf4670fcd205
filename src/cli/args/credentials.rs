//! The options that subcommands use to reach a server with TLS and a token.

use super::local_path::local_path;
use crate::error::{Error, Result};
use crate::flight::client::{ClientTlsFiles, Credentials};
use clap::Args;
use std::env;
use std::path::PathBuf;

/// The environment variable with a token.
pub(in crate::cli) const TOKEN: &str = "SAASGEN_TOKEN";

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS and token (for servers that ask for them)")]
pub(in crate::cli) struct CredentialArgs {
    /// Trusted certificates in PEM form, for grpc+tls:// [default: the system's]
    #[arg(long, value_name = "FILE", value_parser = local_path())]
    tls_ca: Option<PathBuf>,

    /// Certificate of this client in PEM form, for mutual TLS
    #[arg(long, value_name = "FILE", value_parser = local_path(), requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Private key of that certificate in PEM form
    #[arg(long, value_name = "FILE", value_parser = local_path(), requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// File whose first line is the token [default: the variable SAASGEN_TOKEN]
    ///
    /// The token is sent with every call. It is never sent unencrypted to another machine.
    #[arg(long, value_name = "FILE", value_parser = local_path())]
    token_file: Option<PathBuf>,
}

impl CredentialArgs {
    /// Reads the token.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the token file can't be read, and [`Error::Misuse`] if the token can't be sent.
    pub fn load(&self) -> Result<Credentials> {
        let token = match &self.token_file {
            Some(path) => Some(Credentials::token_in(path).map_err(|error| error.of_option("--token-file"))?),
            None => match env::var(TOKEN) {
                Ok(token) => Some(token.trim().to_string()).filter(|token| !token.is_empty()),
                Err(env::VarError::NotPresent) => None,
                Err(env::VarError::NotUnicode(_)) => {
                    return Err(Error::Misuse(format!(
                        "the variable {TOKEN} is not UTF-8; a token must be visible ASCII characters"
                    )));
                }
            },
        };
        let tls = ClientTlsFiles { ca: self.tls_ca.clone(), identity: self.tls_cert.clone().zip(self.tls_key.clone()) };
        Credentials::new(tls, token.as_deref())
    }
}
