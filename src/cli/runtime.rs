//! The number of threads, and the async runtime.

use crate::error::{Error, Result};
use crate::workers::check_threads;
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Runtime};

/// Returns the number of threads that an option sets, or one per core.
pub(super) fn threads(option: Option<u64>) -> usize {
    match option {
        Some(threads) => threads as usize,
        None => available_parallelism().map_or(1, usize::from),
    }
}

/// Starts an async runtime with `threads` worker threads.
///
/// # Errors
/// Returns [`Error::Io`] if the system refuses so many threads.
pub(super) fn runtime(threads: usize) -> Result<Runtime> {
    // The runtime panics or hangs if it gets too few threads. It looks up the names of hosts on one more.
    check_threads(threads + 1)?;
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("starting the async runtime: {error}")))
}
