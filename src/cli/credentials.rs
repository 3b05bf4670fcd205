//! How commands that read from a server prove themselves, and what they trust.

use crate::error::{Error, Result};
use crate::flight::client::{ClientTlsFiles, Credentials};
use clap::Args;
use std::env;
use std::path::PathBuf;

/// The variable that holds a token.
const TOKEN: &str = "SAASGEN_TOKEN";

/// Trust and proof.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust (a token is taken from the variable SAASGEN_TOKEN, too)")]
pub(super) struct CredentialArgs {
    /// Certificates to trust in PEM form, for grpc+tls:// [default: those that the system trusts]
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,

    /// The client's own certificate in PEM form, where the server asks for one
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// File whose first line is the token to send with every call
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl CredentialArgs {
    /// Reads the token.
    pub fn load(&self) -> Result<Credentials> {
        let token = match &self.token_file {
            Some(path) => Some(Credentials::token_in(path)?),
            None => match env::var(TOKEN) {
                Ok(token) => Some(token.trim().to_string()).filter(|token| !token.is_empty()),
                Err(env::VarError::NotPresent) => None,
                Err(env::VarError::NotUnicode(_)) => return Err(Error::Misuse(format!("{TOKEN} is not UTF-8"))),
            },
        };
        let tls = ClientTlsFiles { ca: self.tls_ca.clone(), identity: self.tls_cert.clone().zip(self.tls_key.clone()) };
        Credentials::new(tls, token.as_deref())
    }
}
