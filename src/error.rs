//! One error for the whole crate, grouped by who must act on it.

use std::path::{Path, PathBuf};

/// What can go wrong, grouped by who must act.
///
/// Every message says what was wrong, its value, and what is allowed or what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller asked for something that can't be: a bad model, option, ticket or descriptor.
    #[error("{0}")]
    Misuse(String),

    /// The caller named a table that does not exist.
    #[error("there is no table `{table}`; the tables are {tables}")]
    UnknownTable {
        /// The name as it was given.
        table: String,
        /// The names there are.
        tables: String,
    },

    /// The caller asked for a service that this program does not offer.
    #[error("{0}")]
    Unsupported(String),

    /// A ticket was issued for another model than the one at work.
    #[error(
        "the ticket is of model fingerprint {ticket}, this server's model is {server}: \
         ask this server for a new ticket, or the server of that model for the rows"
    )]
    ModelMismatch {
        /// The fingerprint in the ticket.
        ticket: String,
        /// The fingerprint of the model at work.
        server: String,
    },

    /// More was asked for than a limit allows.
    #[error("{0}")]
    Limit(String),

    /// The operating system refused: disk full, no permission, an address in use.
    #[error("{doing} {path}: {source}", path = .path.display())]
    Io {
        /// What was being done, as a verb phrase: "writing".
        doing: &'static str,
        /// The file, folder or address it was done to.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },

    /// A server, or the way to it, failed.
    #[error("{0}")]
    Remote(String),

    /// The person at the terminal, or the system, asked the program to stop.
    #[error("interrupted: what was there before is untouched, nothing half-written is left")]
    Interrupted,

    /// A fault of the program itself: none of its callers can mend it.
    #[error("internal error, please report it: {0}")]
    Internal(String),
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns a closure that wraps an [`std::io::Error`] with what was being done to which path.
    pub fn io(doing: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { doing, path, source }
    }

    /// What was read at `path` is not what it should be.
    pub fn invalid(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self::io("reading", path)(std::io::Error::new(std::io::ErrorKind::InvalidData, message.into()))
    }

    /// The exit code of the program: 2 where the caller must ask differently, 1 where something failed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Misuse(_)
            | Self::UnknownTable { .. }
            | Self::Unsupported(_)
            | Self::ModelMismatch { .. }
            | Self::Limit(_) => 2,
            Self::Io { .. } | Self::Remote(_) | Self::Interrupted | Self::Internal(_) => 1,
        }
    }
}
