//! The error type of the crate.

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::path::{Path, PathBuf};

/// The error type of the crate. Its variants say who has to act.
///
/// Every message says what is wrong, its value, and what is allowed or what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model, option, ticket or descriptor from the caller is not valid.
    #[error("{0}")]
    Misuse(String),

    /// The caller asked for a table that does not exist.
    #[error("there is no table `{table}`; the tables are {tables}")]
    UnknownTable {
        /// The name that the caller gave.
        table: String,
        /// The names of all tables.
        tables: String,
    },

    /// The caller asked for something that this program does not support.
    #[error("{0}")]
    Unsupported(String),

    /// A ticket was issued for another model.
    #[error(
        "the ticket is for the model with fingerprint {ticket}, but this server has the model with fingerprint \
         {server}; get a new ticket from this server, or use a server with the model of the ticket"
    )]
    ModelMismatch {
        /// The fingerprint in the ticket.
        ticket: String,
        /// The fingerprint of the server's model.
        server: String,
    },

    /// A request exceeds a limit.
    #[error("{0}")]
    Limit(String),

    /// The operating system reported an error: a full disk, a missing permission, an address in use.
    #[error("{doing} {path}: {source}{advice}", path = .path.display(), advice = advice(.source))]
    Io {
        /// The operation as a verb phrase, for example "writing", or the option whose value is `path`.
        doing: &'static str,
        /// The file, folder or address.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },

    /// A server or the connection to it failed.
    #[error("{0}")]
    Remote(String),

    /// The user or the system asked the program to stop.
    #[error("interrupted; nothing was changed")]
    Interrupted,

    /// A bug in this program. The caller can't fix it.
    #[error("internal error, please report it: {0}")]
    Internal(String),
}

/// The result type of the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns a closure that adds an operation and a path to an [`std::io::Error`].
    pub fn io(doing: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { doing, path, source }
    }

    /// Names the `option` of the program that has the value which this error is about.
    pub fn of_option(self, option: &'static str) -> Self {
        match self {
            Self::Io { path, source, .. } => Self::Io { doing: option, path, source },
            Self::Misuse(message) => Self::Misuse(format!("{option}: {message}")),
            other => other,
        }
    }

    /// Returns the error that the system refuses another thread. It names the limits on threads.
    pub fn no_thread(error: std::io::Error) -> Self {
        let error = match (error.kind(), getrlimit(Resource::Nproc).current) {
            (std::io::ErrorKind::WouldBlock, limit) => std::io::Error::other(format!(
                "{error}: a limit on threads is reached. `ulimit -u` is {}, and a container or a service can have a lower \
                 limit (pids.max, TasksMax). Raise the limit. A lower --threads of generate, pull or verify helps, too",
                limit.map_or_else(|| "unlimited".into(), |limit| limit.to_string())
            )),
            _ => error,
        };
        Self::io("starting", "a thread")(error)
    }

    /// Returns a closure that makes the error for an `address` that can't be listened on, and names another one for `option`.
    pub fn listening(option: &'static str, address: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        use std::io::ErrorKind;
        move |source| {
            let advice = match source.kind() {
                ErrorKind::AddrInUse => "another program listens there",
                ErrorKind::PermissionDenied => {
                    "this user may not listen there; most systems keep ports below 1024 for root"
                }
                ErrorKind::AddrNotAvailable => "this machine does not have that address",
                // The resolver of names has no error codes of the system.
                _ if source.raw_os_error().is_none() => "the host has no known address",
                _ => return Self::io("listening on", address)(source),
            };
            let message = format!("{source}: {advice}. For a free port of this machine, use {option} 127.0.0.1:0");
            Self::io("listening on", address)(std::io::Error::new(source.kind(), message))
        }
    }

    /// Returns the error for a file with invalid content at `path`.
    pub fn invalid(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self::io("reading", path)(std::io::Error::new(std::io::ErrorKind::InvalidData, message.into()))
    }

    /// Returns the exit code of the program: 2 if the caller has to change the request, 1 if something failed.
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

/// Returns what to do about an error of the system that many operations can have, or nothing.
fn advice(error: &std::io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => ": raise the limit of open files of this process, which `ulimit -n` shows",
        Some(Errno::NFILE) => ": close other programs, or raise the limit fs.file-max of this machine",
        Some(Errno::ROFS) => ": choose another place, or make the file system writable",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_system_says_what_to_do() {
        for (errno, advice) in [
            (Errno::MFILE, "Too many open files (os error 24): raise the limit of open files"),
            (
                Errno::ROFS,
                "Read-only file system (os error 30): choose another place, or make the file system writable",
            ),
        ] {
            let message = Error::io("creating", "report.html")(errno.into()).to_string();
            assert!(message.starts_with(&format!("creating report.html: {advice}")), "{message}");
        }
        let message = Error::io("writing", "a")(Errno::NOSPC.into()).to_string();
        assert_eq!(message, "writing a: No space left on device (os error 28)");
    }
}
