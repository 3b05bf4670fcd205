//! What a client trusts, and what it proves itself with.

use super::location::Location;
use super::server::connections::tls;
use crate::error::{Error, Result};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// Files in PEM form for TLS.
#[derive(Debug, Clone, Default)]
pub struct ClientTlsFiles {
    /// Certificates to trust; without, those that the system trusts.
    pub ca: Option<PathBuf>,
    /// The client's own certificate and its key, where servers ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// What a client shows to servers, and asks of them. Nothing is shown by default.
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
    /// TLS by the files `tls`, and `token` with every call.
    ///
    /// # Errors
    /// [`Error::Misuse`] where the token can't be sent.
    pub fn new(tls: ClientTlsFiles, token: Option<&str>) -> Result<Self> {
        let bearer = |token: &str| {
            let is_sendable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
            let mut value: Option<MetadataValue<Ascii>> =
                format!("Bearer {token}").parse().ok().filter(|_| is_sendable);
            if let Some(value) = &mut value {
                value.set_sensitive(true);
            }
            value.ok_or_else(|| Error::Misuse("the token must be of visible ASCII characters".into()))
        };
        Ok(Self { tls, token: token.map(bearer).transpose()? })
    }

    /// The token in the first line of a file.
    ///
    /// # Errors
    /// [`Error::Io`] where it can't be read.
    pub fn token_in(path: &Path) -> Result<String> {
        let text = fs::read_to_string(path).map_err(Error::io("reading", path))?;
        Ok(text.lines().next().unwrap_or_default().trim().to_string())
    }

    /// What TLS is spoken by.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>> {
        let builder = ClientConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Internal(format!("setting up TLS: {error}")))?;
        let builder = builder.with_root_certificates(match &self.tls.ca {
            Some(path) => tls::roots(path)?,
            None => system_roots()?,
        });
        let mut config = match &self.tls.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let (chain, private) = tls::identity(certificate, key)?;
                builder.with_client_auth_cert(chain, private).map_err(|error| {
                    Error::Misuse(format!(
                        "the certificate {} can't be used with the key {}: {error}",
                        certificate.display(),
                        key.display()
                    ))
                })?
            }
        };
        config.alpn_protocols = vec![tls::HTTP2.to_vec()];
        Ok(Arc::new(config))
    }

    /// What puts the token into calls to `location`.
    ///
    /// # Errors
    /// [`Error::Misuse`] where the token could be read on the way there.
    pub(super) fn bearer(&self, location: &Location) -> Result<Bearer> {
        if self.token.is_some() && !location.is_private() {
            return Err(Error::Misuse(format!(
                "the token is not sent to {location}: everybody on the way could read it; name the server by grpc+tls://"
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
        return Err(Error::Misuse("this system trusts no certificates: name those to trust with --tls-ca".into()));
    }
    Ok(roots)
}

/// Puts a token into calls.
#[derive(Debug, Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}
