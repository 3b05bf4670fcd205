//! The ways in which a call fails, by the remedy.

use crate::error::Error;
use crate::flight::location::Location;
use tonic::{Code, Status};

/// A failed call or stream.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server or the connection failed. Another connection or another server may succeed.
    Broken(Error),
    /// The server has reached one of its limits. It may succeed later, and another server now.
    Busy(Error),
    /// Every further try fails the same way.
    Refused(Error),
}

impl Failure {
    /// Classifies a status that came from `server`, or that the transport made up for it.
    pub fn from_status(server: &Location, status: &Status) -> Self {
        let message = format!("{server}: {}", status.message());
        let remote = || Error::Remote(format!("{message} ({:?})", status.code()));
        match status.code() {
            Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition => Self::Refused(Error::Misuse(message)),
            Code::ResourceExhausted => Self::Busy(Error::Limit(message)),
            // tonic reports OUT_OF_RANGE if the length of a message was damaged on the way.
            Code::Unavailable
            | Code::Internal
            | Code::Unknown
            | Code::OutOfRange
            | Code::Aborted
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::DataLoss => Self::Broken(remote()),
            Code::Unauthenticated => Self::Refused(Error::Remote(format!(
                "{message}. Name a file with a token that it knows with --token-file, or set SAASGEN_TOKEN"
            ))),
            _ => Self::Refused(remote()),
        }
    }

    /// Returns the error.
    pub fn into_error(self) -> Error {
        match self {
            Self::Broken(error) | Self::Busy(error) | Self::Refused(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Remote(_) => Self::Broken(error),
            error => Self::Refused(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_classified_by_its_code() {
        let server: Location = "grpc://a:1".parse().unwrap();
        let failure = |code| Failure::from_status(&server, &Status::new(code, "word"));
        for code in [Code::Unavailable, Code::Internal, Code::Unknown, Code::OutOfRange, Code::Cancelled] {
            assert!(matches!(failure(code), Failure::Broken(Error::Remote(_))), "{code:?}");
        }
        assert!(matches!(failure(Code::ResourceExhausted), Failure::Busy(Error::Limit(_))));
        for code in [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition] {
            assert!(matches!(failure(code), Failure::Refused(Error::Misuse(_))), "{code:?}");
        }
        for code in [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented] {
            assert!(matches!(failure(code), Failure::Refused(Error::Remote(_))), "{code:?}");
        }
    }
}
