//! The memory of a server that no client reads from.

use crate::fixture::open_unread_stream;
use crate::program::{Serve, wait_until};

/// Streams that no client reads. The server generates a block of 1 MB for each.
const STREAMS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_dropped_streams_returns_to_the_system() {
    let server = Serve::start(&["--customers", "1000000"]);
    let uri = server.uri.replace("grpc://", "http://");
    drop(open_unread_stream(&uri).await);
    let before = server.resident_mib();
    let mut unread = Vec::new();
    for _ in 0..STREAMS {
        unread.push(open_unread_stream(&uri).await);
    }
    wait_until("30 MiB more", || server.resident_mib() > before + 30.0);
    drop(unread);
    wait_until("at most 10 MiB more than before", || server.resident_mib() < before + 10.0);
}
