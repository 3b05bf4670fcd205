//! Access: TLS and tokens.

use super::tls::{Tls, TlsFiles};
use super::tokens::Tokens;
use crate::error::{Error, Result};
use crate::flight::server::caller::Caller;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::path::PathBuf;
use tonic::Status;

/// Standard base64. Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The credentials that a server asks of its clients: none by default.
#[derive(Debug, Default)]
pub struct Access {
    pub(super) tls: Option<Tls>,
    tokens: Option<Tokens>,
}

impl Access {
    /// Asks for TLS with the files `tls`, and for a token of the file `tokens` with every call.
    ///
    /// # Errors
    /// [`Error::Io`] if a file can't be read, [`Error::Misuse`] if it is malformed, or if other users may read the tokens.
    pub fn new(tls: Option<TlsFiles>, tokens: Option<PathBuf>) -> Result<Self> {
        Ok(Self { tls: tls.map(Tls::new).transpose()?, tokens: tokens.map(Tokens::new).transpose()? })
    }

    /// Whether connections are encrypted.
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether clients must send a token or a certificate.
    pub fn knows_clients(&self) -> bool {
        self.tokens.is_some() || self.tls.as_ref().is_some_and(Tls::is_mutual)
    }

    /// Reads all files again, for new connections and new calls. Open streams go on.
    ///
    /// # Errors
    /// The errors of [`Access::new`], with the name of what stays as it was.
    pub fn reload(&self) -> Result<(), (&'static str, Error)> {
        let all = if self.tokens.is_some() { "certificates and tokens" } else { "certificates" };
        self.tls.as_ref().map_or(Ok(()), Tls::reload).map_err(|error| (all, error))?;
        self.tokens.as_ref().map_or(Ok(()), Tokens::reload).map_err(|error| ("tokens", error))
    }

    /// Returns a warning if the server's certificate is invalid now, or expires within 14 days.
    pub fn certificate_warning(&self) -> Option<String> {
        self.tls.as_ref().and_then(Tls::date_warning)
    }

    /// Gives `caller` the name and the token of its `authorization` header, if the server asks for tokens.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the header has no known token.
    pub(super) fn admit(&self, authorization: Option<&http::HeaderValue>, caller: &mut Caller) -> Result<(), Status> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        let header = authorization.and_then(|header| header.to_str().ok());
        let given = header.and_then(credentials).ok_or_else(|| {
            Status::unauthenticated(
                "this server asks for a token: send `authorization: Bearer TOKEN`, or NAME and TOKEN as Basic \
                 credentials",
            )
        })?;
        let name =
            tokens.name_of(&given.token).filter(|name| given.name.as_ref().is_none_or(|expected| **expected == **name));
        let name = name.ok_or_else(|| Status::unauthenticated("this server does not know the token"))?;
        (caller.name, caller.token) = (Some(name), Some(given.token.into()));
        Ok(())
    }
}

/// The credentials in a header.
struct Credentials {
    /// The name, in Basic credentials.
    name: Option<String>,
    token: String,
}

/// Reads a bearer token, or Basic credentials whose password is the token.
fn credentials(header: &str) -> Option<Credentials> {
    let (scheme, encoded) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials { name: None, token: encoded.trim().to_string() });
    }
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(encoded.trim()))?.ok()?;
    let (name, token) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Credentials { name: Some(name.to_string()), token: token.to_string() })
}
