//! Calls that are refused before anything is done for them, by cause.

use super::caller::Caller;
use super::stream_log::shortened;
use tonic::{Code, Status};

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The request can't be: its form, a key or a value.
    Misuse,
    UnknownTable,
    /// A call, an action or an encoding that there isn't.
    Unsupported,
    ModelMismatch,
    /// More customers, or a longer request, than a limit allows.
    TooLarge,
    /// As many streams are open as may be, in all or of one name.
    Streams,
    /// As many connections are open as may be.
    Connections,
    /// No token, or one that doesn't allow it.
    Unauthenticated,
    /// The server is stopping.
    Stopping,
    /// A fault of this program.
    Internal,
}

impl Cause {
    pub const ALL: [Self; 10] = [
        Self::Misuse,
        Self::UnknownTable,
        Self::Unsupported,
        Self::ModelMismatch,
        Self::TooLarge,
        Self::Streams,
        Self::Connections,
        Self::Unauthenticated,
        Self::Stopping,
        Self::Internal,
    ];

    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Misuse => "misuse",
            Self::UnknownTable => "unknown_table",
            Self::Unsupported => "unsupported",
            Self::ModelMismatch => "model_mismatch",
            Self::TooLarge => "too_large",
            Self::Streams => "streams",
            Self::Connections => "connections",
            Self::Unauthenticated => "unauthenticated",
            Self::Stopping => "stopping",
            Self::Internal => "internal",
        }
    }

    const fn of(code: Code) -> Self {
        match code {
            Code::InvalidArgument => Self::Misuse,
            Code::NotFound => Self::UnknownTable,
            Code::Unimplemented => Self::Unsupported,
            Code::FailedPrecondition => Self::ModelMismatch,
            Code::ResourceExhausted => Self::TooLarge,
            Code::Unauthenticated | Code::PermissionDenied => Self::Unauthenticated,
            Code::Unavailable => Self::Stopping,
            _ => Self::Internal,
        }
    }
}

/// What the client is told, and the cause that it is counted under.
#[derive(Debug)]
pub(super) struct Refusal {
    pub cause: Cause,
    pub status: Status,
}

impl Refusal {
    /// A refusal whose status alone would not tell the cause.
    pub fn new(cause: Cause, status: impl Into<Status>) -> Self {
        Self { cause, status: status.into() }
    }

    /// Writes a line of the log. `call` and the status hold text of the client's: logs escape it.
    pub fn log(&self, caller: &Caller, call: &str) {
        let (call, error) = (shortened(call), shortened(self.status.message()));
        let (cause, status) = (self.cause.name(), self.status.code());
        let (who, peer) = (caller.who(), &caller.peer);
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
