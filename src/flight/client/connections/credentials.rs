//! The certificates that a client trusts, and its proof of identity.

use crate::error::{Error, Result};
use crate::flight::location::Location;
use crate::flight::tls::{HTTP2, identity, provider, roots, unusable_identity};
use crate::plain_file;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// PEM files for TLS.
#[derive(Debug, Clone, Default)]
pub struct ClientTlsFiles {
    /// The certificates to trust. `None` means the certificates that the system trusts.
    pub ca: Option<PathBuf>,
    /// The client's certificate and its private key, for servers that ask for a certificate.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// The TLS files and the token of a client. By default, a client trusts the system's certificates and has no token.
#[derive(Clone, Default)]
pub struct Credentials {
    tls: ClientTlsFiles,
    token: Option<MetadataValue<Ascii>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "hidden");
        f.debug_struct("Credentials").field("tls", &self.tls).field("token", &token).finish()
    }
}

impl Credentials {
    /// Creates credentials that use the files `tls` and send `token` with every call.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if the token is empty or has other characters than visible ASCII.
    pub fn new(tls: ClientTlsFiles, token: Option<&str>) -> Result<Self> {
        let bearer = |token: &str| {
            let is_sendable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
            let mut value: Option<MetadataValue<Ascii>> =
                format!("Bearer {token}").parse().ok().filter(|_| is_sendable);
            if let Some(value) = &mut value {
                value.set_sensitive(true);
            }
            value.ok_or_else(|| {
                Error::Misuse("the token must be one or more visible ASCII characters, without spaces".into())
            })
        };
        Ok(Self { tls, token: token.map(bearer).transpose()? })
    }

    /// Reads a token from the first line of the file `path`.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be read.
    pub fn token_in(path: &Path) -> Result<String> {
        Ok(plain_file::read_text(path)?.lines().next().unwrap_or_default().trim().to_string())
    }

    /// Returns the TLS configuration.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if a file can't be read, and [`Error::Misuse`] if its contents can't be used.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Internal(format!("setting up TLS: {error}")))?;
        let builder = builder.with_root_certificates(match &self.tls.ca {
            Some(path) => roots("--tls-ca", path)?,
            None => system_roots()?,
        });
        let mut config = match &self.tls.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let (chain, private) = identity(certificate, key)?;
                let config = builder.with_client_auth_cert(chain, private);
                config.map_err(|error| unusable_identity(certificate, key, &error))?
            }
        };
        config.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(Arc::new(config))
    }

    /// Returns the interceptor that adds the token to calls to `location`.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if the token would cross a network unencrypted.
    pub(super) fn bearer(&self, location: &Location) -> Result<Bearer> {
        if self.token.is_some() && !location.is_private() {
            return Err(Error::Misuse(format!(
                "the token is not sent to {location}, because it would cross the network unencrypted; use a \
                 grpc+tls:// URI"
            )));
        }
        Ok(Bearer(self.token.clone()))
    }
}

fn system_roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(Error::Misuse("this system has no trusted certificates: name a file of them with --tls-ca".into()));
    }
    Ok(roots)
}

/// Adds a token to calls.
#[derive(Debug, Clone)]
pub(in crate::flight::client) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}
