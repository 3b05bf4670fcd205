//! Who calls.

use super::link::Link;
use std::sync::Arc;

/// Who made a request.
#[derive(Clone)]
pub(super) struct Caller {
    /// Its address.
    pub peer: Arc<str>,
    /// The name that its token has, where tokens are asked for.
    pub name: Option<Arc<str>>,
    /// The token itself, for Handshake to give back; never shown.
    pub token: Option<Arc<str>>,
}

impl Default for Caller {
    fn default() -> Self {
        Self { peer: "-".into(), name: None, token: None }
    }
}

impl Caller {
    /// Whoever is at the other end of `link`.
    pub fn at(link: &Link) -> Self {
        Self { peer: Arc::clone(&link.peer), ..Self::default() }
    }

    /// Its name in logs.
    pub fn who(&self) -> &str {
        self.name.as_deref().unwrap_or("-")
    }

    /// Who made the request with this head.
    pub fn of(head: &http::request::Parts) -> Self {
        head.extensions.get::<Self>().cloned().unwrap_or_default()
    }
}
