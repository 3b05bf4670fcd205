//! The client that makes a call.

use http::header::USER_AGENT;
use std::sync::Arc;

/// The client that makes a call.
#[derive(Clone)]
pub(super) struct Caller {
    /// Its address.
    pub peer: Arc<str>,
    /// The name of its token, if the server asks for tokens.
    pub name: Option<Arc<str>>,
    /// The token itself, which Handshake returns. It is never logged.
    pub token: Option<Arc<str>>,
    /// Whether it uses gRPC's C++ library, as pyarrow, DuckDB and R do.
    pub is_cpp: bool,
}

impl Default for Caller {
    fn default() -> Self {
        Self { peer: "-".into(), name: None, token: None, is_cpp: false }
    }
}

impl Caller {
    /// The client at address `peer`, before its headers are read.
    pub fn at(peer: &Arc<str>) -> Self {
        Self { peer: Arc::clone(peer), ..Self::default() }
    }

    /// Its name in logs.
    pub fn log_name(&self) -> &str {
        self.name.as_deref().unwrap_or("-")
    }

    /// The client that sent the request with this head.
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
    fn clients_of_the_grpc_cpp_library_are_known_by_their_user_agent() {
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
