//! Who calls.

use super::link::Link;
use http::header::USER_AGENT;
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
    /// Whether its gRPC is that of C++, as pyarrow's, DuckDB's and R's are.
    pub is_cpp: bool,
}

impl Default for Caller {
    fn default() -> Self {
        Self { peer: "-".into(), name: None, token: None, is_cpp: false }
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
        let caller = head.extensions.get::<Self>().cloned().unwrap_or_default();
        let agent = head.headers.get(USER_AGENT).map(http::HeaderValue::as_bytes);
        Self { is_cpp: agent.is_some_and(|agent| agent.starts_with(b"grpc-c++/")), ..caller }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_grpcs_cpp_library_say_so() {
        let is_cpp = |agent: Option<&str>| {
            let request = agent.into_iter().fold(http::Request::builder(), |to, agent| to.header(USER_AGENT, agent));
            Caller::of(&request.body(()).unwrap().into_parts().0).is_cpp
        };
        assert!(is_cpp(Some("grpc-c++/1.76.0 grpc-c/51.0.0 (linux; chttp2)")));
        for other in
            ["tonic/0.14.9", "grpc-go/1.76.0", "grpc-java-netty/1.76.0", "grpc-python/1.76.0 grpc-c/51.0.0 (linux)"]
        {
            assert!(!is_cpp(Some(other)), "{other}");
        }
        assert!(!is_cpp(None));
    }
}
