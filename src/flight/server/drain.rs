//! A graceful stop: the server takes no new streams, lets open ones finish for a while, then ends them.

use super::open_streams::OpenStreams;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// The progress of a server's stop. Clones belong to the same server.
#[derive(Debug, Clone, Default)]
pub(super) struct Drain {
    begun: CancellationToken,
    over: CancellationToken,
}

impl Drain {
    /// Refuses new streams from now on.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Checks that new streams are still accepted.
    ///
    /// # Errors
    /// UNAVAILABLE once the drain has begun.
    pub fn check(&self) -> Result<(), Status> {
        if self.begun.is_cancelled() { Err(stopping()) } else { Ok(()) }
    }

    /// Returns a token that is cancelled when open streams must end.
    pub fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Waits until no stream is open, or until open streams must end.
    pub async fn streams_ended(&self, streams: &OpenStreams) {
        let mut open = streams.count();
        tracing::info!(streams = *open.borrow_and_update(), "stopping: new streams are refused");
        tokio::select! {
            _ = open.wait_for(|&open| open == 0) => {}
            () = self.over.cancelled() => {}
        }
    }

    /// Ends open streams `timeout` after the drain has begun.
    pub async fn end_after(&self, timeout: Duration) {
        self.begun.cancelled().await;
        tokio::time::sleep(timeout).await;
        self.over.cancel();
    }
}

/// The status of a stream that a stopping server refuses or ends.
pub(super) fn stopping() -> Status {
    Status::unavailable("the server is stopping; read again from another server, or when this one is back")
}
