//! How a server comes to its end: it takes no more streams, lets those that run end, then ends the rest.

use super::Activity;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// How far a server has come to its end. Clones are of the same server.
#[derive(Debug, Clone, Default)]
pub(super) struct Drain {
    begun: CancellationToken,
    over: CancellationToken,
}

impl Drain {
    /// From now on, no stream is taken.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Refuses, once it has begun.
    pub fn check(&self) -> Result<(), Status> {
        if self.begun.is_cancelled() { Err(stopping()) } else { Ok(()) }
    }

    /// Cancelled when streams that still run are to end.
    pub fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Returns when no stream is open any more, or those that are have had their time.
    pub async fn streams_ended(&self, activity: &Activity) {
        let mut open = activity.open_streams();
        tracing::info!(streams = *open.borrow_and_update(), "stopping: no new streams are taken");
        tokio::select! {
            _ = open.wait_for(|&open| open == 0) => {}
            () = self.over.cancelled() => {}
        }
    }

    /// Ends what still runs `timeout` after it has begun.
    pub async fn end_after(&self, timeout: Duration) {
        self.begun.cancelled().await;
        tokio::time::sleep(timeout).await;
        self.over.cancel();
    }
}

/// What a client is told whose stream can't be taken or can't go on.
pub(super) fn stopping() -> Status {
    Status::unavailable("the server is stopping: read again from another, or when it is back")
}
