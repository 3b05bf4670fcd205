//! Arrow Flight: the server that generates what is read, and the client that reads.

pub mod client;
pub mod server;
