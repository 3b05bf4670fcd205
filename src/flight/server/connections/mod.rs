//! Connections: listening, TLS, tokens, and limits of connections and calls.

mod accept;
mod access;
mod admission;
mod deadline;
mod gzip;
mod listener;
mod state;
mod tls;
mod tokens;

pub(super) use accept::accept_connections;
pub use access::Access;
pub(super) use admission::AdmissionLayer;
pub(super) use listener::Listener;
pub use tls::TlsFiles;
