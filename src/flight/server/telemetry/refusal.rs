//! Calls that the server refuses before it does any work for them.

use super::labels::Cause;
use super::shortened;
use crate::flight::server::caller::Caller;
use tonic::Status;

/// The status that the client gets, and the cause that is counted.
#[derive(Debug)]
pub(in crate::flight::server) struct Refusal {
    pub cause: Cause,
    pub status: Status,
}

impl Refusal {
    /// Returns a refusal with a cause that the status alone does not tell.
    pub fn new(cause: Cause, status: impl Into<Status>) -> Self {
        Self { cause, status: status.into() }
    }

    /// Logs the refusal of `call`. `call` and the status may hold the client's own text, which the log escapes.
    pub fn log(&self, caller: &Caller, call: &str) {
        let (call, error) = (shortened(call), shortened(self.status.message()));
        let (cause, status) = (self.cause.name(), self.status.code());
        let (who, peer) = (caller.log_name(), &caller.peer);
        if self.cause == Cause::Internal {
            tracing::error!(who, %peer, %cause, ?status, call = &*call, error = &*error, "call refused");
        } else {
            tracing::info!(who, %peer, %cause, ?status, call = &*call, error = &*error, "call refused");
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self { cause: Cause::of(status.code()), status }
    }
}
