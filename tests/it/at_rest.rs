//! A server that has nothing to do holds little.

use crate::fixture::stalled;
use crate::program::{Serve, wait_until};

/// Streams whose readers take nothing: each has a block of 1 MB made for it.
const READERS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn what_readers_left_unread_goes_back_to_the_system() {
    let server = Serve::start(&["--customers", "1000000"]);
    let uri = server.uri.replace("grpc://", "http://");
    drop(stalled(&uri).await);
    let before = server.resident_mib();
    let mut unread = Vec::new();
    for _ in 0..READERS {
        unread.push(stalled(&uri).await);
    }
    wait_until("a crowd of blocks", || server.resident_mib() > before + 30.0);
    drop(unread);
    wait_until("a server as small as before", || server.resident_mib() < before + 10.0);
}
