//! Who is let in: TLS and tokens.

use super::caller::Caller;
use super::tls::{Tls, TlsFiles};
use super::tokens::Tokens;
use crate::error::Result;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::path::PathBuf;
use tonic::Status;

/// Standard base64; some clients leave the padding away.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a server asks of those who connect: nothing by default.
#[derive(Debug, Default)]
pub struct Access {
    pub(super) tls: Option<Tls>,
    tokens: Option<Tokens>,
}

impl Access {
    /// TLS by the files `tls`, and one of the tokens in the file `tokens` with every call.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) where a file can't be read,
    /// [`Error::Misuse`](crate::error::Error::Misuse) where it doesn't hold what it should, or anybody may read the tokens.
    pub fn new(tls: Option<TlsFiles>, tokens: Option<PathBuf>) -> Result<Self> {
        Ok(Self { tls: tls.map(Tls::new).transpose()?, tokens: tokens.map(Tokens::new).transpose()? })
    }

    /// Whether what is sent can't be read on the way.
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether clients must prove who they are, by a token or a certificate.
    pub fn knows_clients(&self) -> bool {
        self.tokens.is_some() || self.tls.as_ref().is_some_and(Tls::is_mutual)
    }

    /// Reads all files again: certificates for connections to come, tokens for calls to come. Streams go on.
    ///
    /// # Errors
    /// As [`Access::new`]; then the certificates or the tokens that can't be used stay as they were before.
    pub fn reload(&self) -> Result<()> {
        self.tls.as_ref().map_or(Ok(()), Tls::reload)?;
        self.tokens.as_ref().map_or(Ok(()), Tokens::reload)
    }

    /// Gives `caller` the name and the token of its `authorization` header. Without tokens, nobody is asked.
    ///
    /// # Errors
    /// UNAUTHENTICATED where there is no token that is known.
    pub(super) fn admit(&self, authorization: Option<&http::HeaderValue>, caller: &mut Caller) -> Result<(), Status> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        let header = authorization.and_then(|header| header.to_str().ok());
        let token = header.and_then(token_of).ok_or_else(|| {
            Status::unauthenticated(
                "this server takes calls with a token only: send `authorization: Bearer TOKEN`, or NAME and TOKEN as \
                 Basic credentials",
            )
        })?;
        let name = tokens.name_of(&token.text).filter(|name| token.name.as_ref().is_none_or(|given| **given == **name));
        let name = name.ok_or_else(|| Status::unauthenticated("the token is none of those that this server knows"))?;
        (caller.name, caller.token) = (Some(name), Some(token.text.into()));
        Ok(())
    }
}

/// What a header offers.
struct Offered {
    /// Where it offers one, a name.
    name: Option<String>,
    text: String,
}

/// The token that `header` offers as a bearer's, or as the password of Basic credentials.
fn token_of(header: &str) -> Option<Offered> {
    let (scheme, credentials) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Offered { name: None, text: credentials.trim().to_string() });
    }
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(credentials.trim()))?.ok()?;
    let (name, token) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Offered { name: Some(name.to_string()), text: token.to_string() })
}
