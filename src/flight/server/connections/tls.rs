//! TLS with certificates from files, which can be read again while the server runs.

use crate::error::{Error, Result};
use crate::flight::tls::{date_warning, identity, provider, roots, unusable_identity, unusable_roots};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

/// The option of `saasgen serve` that names the certificate authorities of clients.
const CLIENT_CA: &str = "--tls-client-ca";

/// The PEM files of a server's TLS.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain of the server, leaf first.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// The certificate authorities of clients. If there are none, clients need no certificate.
    pub client_ca: Option<PathBuf>,
}

/// TLS as of the last reading of its files.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    loaded: RwLock<Loaded>,
}

/// The contents of the files, and the certificate chain in them.
type Loaded = (Arc<ServerConfig>, Vec<CertificateDer<'static>>);

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`Error::Io`] if a file can't be read, [`Error::Misuse`] if it can't be used.
    pub fn new(files: TlsFiles) -> Result<Self> {
        let loaded = RwLock::new(load(&files)?);
        Ok(Self { files, loaded })
    }

    /// Whether clients need a certificate.
    pub fn is_mutual(&self) -> bool {
        self.files.client_ca.is_some()
    }

    /// Reads the files again, for new connections.
    ///
    /// # Errors
    /// The errors of [`Self::new`]. The old certificates then stay in use.
    pub fn reload(&self) -> Result<()> {
        let loaded = load(&self.files)?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// Returns the acceptor for the next connection, which negotiates `protocol` (ALPN).
    pub fn acceptor_of(&self, protocol: &[u8]) -> TlsAcceptor {
        let mut config = ServerConfig::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).0);
        config.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(config).into()
    }

    /// Returns a warning if the certificate is invalid now, or expires within 14 days.
    pub fn date_warning(&self) -> Option<String> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        date_warning(&self.files.certificate, &loaded.1, SystemTime::now())
    }
}

fn load(files: &TlsFiles) -> Result<Loaded> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Internal(format!("setting up TLS: {error}")))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots(CLIENT_CA, path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable_roots(CLIENT_CA, path, &error))?)
        }
    };
    let (chain, key) = identity(&files.certificate, &files.key)?;
    let config = builder.with_single_cert(chain.clone(), key);
    let config = config.map_err(|error| unusable_identity(&files.certificate, &files.key, &error))?;
    Ok((Arc::new(config), chain))
}
