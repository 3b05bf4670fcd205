//! Prints results to stdout.

use crate::error::{Error, Result};
use serde::Serialize;
use std::io::{ErrorKind, Write as _};

/// Prints `text`.
///
/// # Errors
/// Returns [`Error::Io`] if stdout can't be written to. It is no error if a reader, such as `head`, closes the pipe.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("writing to", "stdout")(error)),
        _ => Ok(()),
    }
}

/// Prints `value` as indented JSON.
///
/// # Errors
/// Returns the errors of [`print()`].
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    print(&(text + "\n"))
}
