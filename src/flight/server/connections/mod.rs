//! Connections: listening, TLS, tokens, and limits of connections and calls.

mod accept;
mod access;
mod admission;
mod listener;
mod metrics_endpoint;
mod state;
mod tls;
mod tokens;

pub(super) use accept::accept_connections;
pub use access::Access;
pub(super) use admission::AdmissionLayer;
pub(super) use listener::Listener;
pub use metrics_endpoint::MetricsEndpoint;
pub use tls::TlsFiles;
