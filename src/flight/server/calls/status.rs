//! The one place that maps errors to gRPC statuses.

use crate::error::Error;
use tonic::Status;

/// gRPC sends messages percent-encoded, up to 12 bytes a character, and clients take 16 KiB of headers.
const MAX_MESSAGE_CHARS: usize = 1_000;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message: String = error.to_string().chars().take(MAX_MESSAGE_CHARS).collect();
        match error {
            Error::Misuse(_) => Self::invalid_argument(message),
            Error::UnknownTable { .. } => Self::not_found(message),
            Error::Unsupported(_) => Self::unimplemented(message),
            Error::ModelMismatch { .. } => Self::failed_precondition(message),
            Error::Limit(_) => Self::resource_exhausted(message),
            Error::Io { .. } | Error::Remote(_) | Error::Interrupted | Error::Internal(_) => Self::internal(message),
        }
    }
}
