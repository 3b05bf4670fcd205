//! Arrow Flight: the server, the client, and a table of a server as a source of rows.

pub mod client;
pub mod server;
pub mod source;
