//! Arrow Flight: the server, the client, and a table of a server as a source of rows.

pub mod client;
mod connections;
mod connector;
pub mod credentials;
pub mod location;
pub mod server;
pub mod source;
