//! The one place that maps errors to gRPC statuses.

use crate::error::Error;
use tonic::Status;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Misuse(_) => Self::invalid_argument(message),
            Error::UnknownTable { .. } => Self::not_found(message),
            Error::ModelMismatch { .. } => Self::failed_precondition(message),
            Error::Limit(_) => Self::resource_exhausted(message),
            Error::Io { .. } | Error::Remote(_) | Error::Interrupted | Error::Internal(_) => Self::internal(message),
        }
    }
}
