//! What a server gives before it refuses.

use crate::model::MAX_CUSTOMERS;
use std::time::Duration;

/// What a server gives before it refuses with RESOURCE_EXHAUSTED, or closes a connection.
///
/// ```
/// use saasgen::flight::server::Limits;
///
/// let limits = Limits { streams: 8, ..Limits::default() };
/// assert_eq!(limits.customers, 1_000_000_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// DoGet streams open at a time.
    pub streams: u64,
    /// DoGet streams open at a time of one name, where tokens give names.
    pub streams_of_name: u64,
    /// Blocks, of about a megabyte, that all streams hold together. Where more than half of them are held, batches are
    /// parts of blocks, and those of slow readers are the smallest; none is refused. An eighth more is kept for streams of
    /// the same rows.
    pub blocks: u64,
    /// Customers of a data set that a request may name.
    pub customers: u64,
    /// Bytes of a request other than an action.
    pub request_bytes: usize,
    /// Bytes of an action that are kept; one of Airport's that goes on after its descriptor may have 16 MiB.
    pub action_bytes: usize,
    /// Bytes of a call's headers: names, values, and 32 for each, as HTTP/2 counts them.
    pub header_bytes: u32,
    /// Connections open at a time.
    pub connections: usize,
    /// Calls open at a time on one connection.
    pub calls: u32,
    /// How long a client has to come up with TLS's handshake, HTTP/2's preface, and each request once begun.
    pub handshake: Duration,
    /// How long a connection stays without a call.
    pub idle: Duration,
    /// How long a client may leave an answer unread before its connection is closed.
    pub stall: Duration,
    /// How old a connection grows before clients are told to open another; calls on it go on to their end.
    pub age: Duration,
    /// How often a silent client is asked for a sign of life.
    pub keepalive: Duration,
    /// How long a client has to give that sign.
    pub keepalive_answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 1_024,
            streams_of_name: 256,
            // Of full read-ahead for 21 streams; for 1,000 there is then some 140 kB each.
            blocks: 128,
            customers: MAX_CUSTOMERS,
            // The longest that any call takes has some 8 kB.
            request_bytes: 64 << 10,
            // One of Airport's with some 4,000 values to filter by.
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
