//! The limits of a server.

use crate::models::MAX_CUSTOMERS;
use std::time::Duration;

/// The limits of a server. Over a limit, it refuses a call with RESOURCE_EXHAUSTED, or closes the connection.
///
/// ```
/// use saasgen::flight::server::Limits;
///
/// let limits = Limits { streams: 8, ..Limits::default() };
/// assert_eq!(limits.customers, 1_000_000_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open DoGet streams.
    pub streams: u64,
    /// Open DoGet streams of one token's name.
    pub streams_of_name: u64,
    /// Blocks that all streams hold together, of about 1 MB each. Once half of them are held, blocks are sent in parts, and
    /// slow readers get the smallest. No stream is refused.
    pub blocks: u64,
    /// Customers of a data set that a request names.
    pub customers: u64,
    /// Bytes of a request other than an action.
    pub request_bytes: usize,
    /// Bytes of an action. An Airport action may have 16 MiB, of which this many are kept.
    pub action_bytes: usize,
    /// Bytes of the headers of a call, as HTTP/2 counts them: names, values, and 32 for each header.
    pub header_bytes: u32,
    /// Open connections.
    pub connections: usize,
    /// Open calls on one connection.
    pub calls: u32,
    /// The time in which a client must finish the TLS handshake, the HTTP/2 preface, and each request that it has begun.
    pub handshake: Duration,
    /// The time after which a connection without a call is closed.
    pub idle: Duration,
    /// The time after which a connection with an unread answer is closed.
    pub stall: Duration,
    /// The age at which a client is told to open a new connection. Open calls finish on the old one.
    pub age: Duration,
    /// The interval of HTTP/2 pings to a silent client.
    pub keepalive: Duration,
    /// The time in which a client must answer a ping.
    pub keepalive_answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 1_024,
            streams_of_name: 256,
            // Full read-ahead for 21 streams, or about 140 kB for each of 1,000.
            blocks: 128,
            customers: MAX_CUSTOMERS,
            // The longest request that any call needs has about 8 kB.
            request_bytes: 64 << 10,
            // An Airport request that filters by about 4,000 values.
            action_bytes: 896 << 10,
            header_bytes: 16 << 10,
            connections: 4_096,
            calls: 256,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(600),
            stall: Duration::from_secs(600),
            age: Duration::from_secs(86_400),
            keepalive: Duration::from_secs(60),
            keepalive_answer: Duration::from_secs(20),
        }
    }
}
