//! TLS: certificates as files, read again while the server runs.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// The one protocol that is spoken within TLS.
pub(in crate::flight) const HTTP2: &[u8] = b"h2";

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
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable(path, &error))?)
        }
    };
    let (chain, key) = identity(&files.certificate, &files.key)?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        Error::Misuse(format!(
            "the certificate {} can't be used with the key {}: {error}",
            files.certificate.display(),
            files.key.display()
        ))
    })?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(Arc::new(config))
}

/// The cryptography that TLS is made of.
pub(in crate::flight) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The certificates in a file as those to trust.
///
/// # Errors
/// [`Error::Io`] where it can't be read, [`Error::Misuse`] where it holds none, or none that can be trusted.
pub(in crate::flight) fn roots(path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unusable(path, &error))?;
    }
    Ok(roots)
}

/// A certificate, with those that lead on from it, and its key.
///
/// # Errors
/// [`Error::Io`] where a file can't be read, [`Error::Misuse`] where it doesn't hold what it should.
pub(in crate::flight) fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, "private key", error))?;
    Ok((chain, key))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| unreadable(path, "certificate", error))?;
    if certificates.is_empty() {
        return Err(unreadable(path, "certificate", pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn unreadable(path: &Path, what: &str, error: pem::Error) -> Error {
    match error {
        pem::Error::Io(error) => Error::io("reading", path)(error),
        pem::Error::NoItemsFound => Error::Misuse(format!("{} holds no {what} in PEM form", path.display())),
        error => Error::Misuse(format!("{} holds no {what} in PEM form: {error}", path.display())),
    }
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Misuse(format!("the certificates in {} can't be used: {error}", path.display()))
}
