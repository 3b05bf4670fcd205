//! The TLS settings and PEM files that client and server have in common.

use crate::error::{Error, Result};
use crate::plain_file;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The only protocol that is negotiated within TLS (ALPN).
pub(super) const HTTP2: &[u8] = b"h2";

/// Returns the implementation of TLS cryptography.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Reads the certificates in the file `path` as trusted roots.
///
/// # Errors
/// Returns [`Error::Io`] if the file can't be read, and [`Error::Misuse`] if it holds no certificate, or one that can't
/// be a root.
pub(super) fn roots(path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unusable_roots(path, &error))?;
    }
    Ok(roots)
}

/// Reads a certificate chain, leaf first, and the private key of its leaf.
///
/// # Errors
/// Returns [`Error::Io`] if a file can't be read, and [`Error::Misuse`] if it holds no certificate or no key.
pub(super) fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_reader(plain_file::open_or_unnamed_pipe(key)?);
    Ok((chain, private.map_err(|error| unreadable(key, "private key", error))?))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let file = plain_file::open_or_unnamed_pipe(path)?;
    let certificates = CertificateDer::pem_reader_iter(file).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| unreadable(path, "certificate", error))?;
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

/// The error for roots in the file `path` that TLS refuses.
pub(super) fn unusable_roots(path: &Path, error: &dyn fmt::Display) -> Error {
    Error::Misuse(format!("the certificates in {} can't be used: {error}", path.display()))
}

/// The error for a certificate and a key that TLS refuses, most often because they do not belong together.
pub(super) fn unusable_identity(certificate: &Path, key: &Path, error: &dyn fmt::Display) -> Error {
    Error::Misuse(format!(
        "the certificate {} can't be used with the key {}: {error}",
        certificate.display(),
        key.display()
    ))
}
