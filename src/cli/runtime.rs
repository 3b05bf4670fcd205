//! The number of threads, and the async runtime.

use crate::error::{Error, Result};
use crate::workers::check_threads;
use std::fs::File;
use std::io;
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Runtime};

/// The files that the runtime opens at its start: three for events, and three for signals. It panics if it can't open
/// the latter.
const FILES: usize = 6;

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
/// Returns [`Error::Io`] if the system refuses so many threads, or the files that the runtime needs.
pub(super) fn runtime(threads: usize) -> Result<Runtime> {
    // The runtime panics or hangs if it gets too few threads. It looks up the names of hosts on one more.
    check_threads(threads + 1)?;
    let files: io::Result<Vec<File>> = (0..FILES).map(|_| File::open("/")).collect();
    drop(files.map_err(Error::io("starting", "the async runtime"))?);
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(Error::io("starting", "the async runtime"))
}
