//! Prints results to stdout.

use crate::error::{Error, Result};
use serde::Serialize;
use std::io::{ErrorKind, Write as _};
use std::thread;
use tokio::sync::oneshot;

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

/// Prints `text` on a thread of its own, because a reader that does not read blocks it. If the future is dropped, the
/// thread goes on, and does not keep the process from ending.
///
/// # Errors
/// Returns the errors of [`print()`], and [`Error::Io`] if the system refuses the thread.
pub(super) async fn print_apart(text: String) -> Result<()> {
    let (done, printed) = oneshot::channel();
    let work = move || drop(done.send(print(&text)));
    thread::Builder::new().name("stdout".into()).spawn(work).map_err(Error::no_thread)?;
    printed.await.map_err(|_| Error::Internal("the thread that prints ended without a result".into()))?
}

/// Prints `value` as indented JSON.
///
/// # Errors
/// Returns the errors of [`print()`].
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    print(&(text + "\n"))
}
