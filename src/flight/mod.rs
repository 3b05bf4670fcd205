//! Arrow Flight: the server, the client, and a table of a server as a source of rows.

mod batch_stream;
pub mod client;
mod connections;
mod connector;
pub mod credentials;
mod health;
pub mod location;
mod resume;
pub mod retry;
pub mod server;
pub mod source;
mod whole_blocks;
