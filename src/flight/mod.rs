//! Arrow Flight: the server, and the client that reads its tables.

mod byte_stream;
pub mod client;
mod grpc;
pub mod location;
pub mod server;
mod tls;
