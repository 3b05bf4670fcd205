//! TLS: certificates as files, read again while the server runs.

use crate::error::{Error, Result};
use crate::flight::tls::{HTTP2, identity, provider, roots, unusable_identity, unusable_roots};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

/// Files in PEM form that a server proves itself with, and holds clients against.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Its certificate, and those that lead to one that clients trust.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Certificates of which one must have signed that of every client; without, clients need none.
    pub client_ca: Option<PathBuf>,
}

/// TLS as the files had it when they were last read.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    pub fn new(files: TlsFiles) -> Result<Self> {
        let config = RwLock::new(config(&files)?);
        Ok(Self { files, config })
    }

    /// Whether clients prove themselves.
    pub fn is_mutual(&self) -> bool {
        self.files.client_ca.is_some()
    }

    /// Reads the files again, for connections to come. Where they can't be used, those of before are.
    pub fn reload(&self) -> Result<()> {
        let config = config(&self.files)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// What takes the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

fn config(files: &TlsFiles) -> Result<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Internal(format!("setting up TLS: {error}")))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider()).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable_roots(path, &error))?)
        }
    };
    let (chain, key) = identity(&files.certificate, &files.key)?;
    let config = builder.with_single_cert(chain, key);
    let mut config = config.map_err(|error| unusable_identity(&files.certificate, &files.key, &error))?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(Arc::new(config))
}
