//! The fixed values of labels in metrics and logs.

use tonic::Code;

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flight::server) enum Outcome {
    /// All of it was sent.
    Complete,
    /// The client left, or its connection broke.
    Cancelled,
    /// The server stopped.
    Stopped,
    /// Generating failed.
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Complete, Self::Cancelled, Self::Stopped, Self::Failed];

    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flight::server) enum Cause {
    /// A malformed request, an unknown key or an invalid value.
    Misuse,
    UnknownTable,
    /// A call, an action or an encoding that the server does not have.
    Unsupported,
    ModelMismatch,
    /// More customers or a longer request than a limit allows.
    TooLarge,
    /// Too many open streams, in all or of one name.
    Streams,
    /// Too many open connections.
    Connections,
    /// No token, or an unknown one.
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

    /// The cause that a status of a refusal stands for.
    pub const fn of(code: Code) -> Self {
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
