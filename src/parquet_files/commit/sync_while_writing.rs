//! Syncs of files to the disk while more is being written to them.

use super::file_sink::FileSink;
use super::staged_file::StagedFile;
use crate::error::{Error, Result};
use crate::workers::spawn;
use std::fs::File;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

/// Calls `write` with a sink for each file, and syncs the files in the background while it writes. Returns after all
/// files are on the disk.
///
/// # Errors
/// Returns the error of `write`, or [`Error::Io`] if a sync fails or the system refuses a thread.
pub(in crate::parquet_files) fn sync_while_writing<T>(
    files: &[StagedFile],
    write: impl FnOnce(Vec<FileSink<'_>>) -> Result<T>,
) -> Result<T> {
    let written = thread::scope(|scope| {
        let (requests, to_sync) = mpsc::channel::<(&File, &Path)>();
        let syncing = spawn(scope, move || {
            to_sync.into_iter().try_for_each(|(file, path)| {
                // The system reports a failed write to one sync only, so this error must not be lost.
                file.sync_data().map_err(Error::io("writing to the disk", path))
            })
        })?;
        let sinks = files.iter().map(|file| file.sink().with_sync_requests(requests.clone())).collect();
        drop(requests);
        let written = write(sinks);
        let synced = syncing.join().unwrap_or_else(|_| Err(sync_panicked()));
        written.and_then(|written| synced.map(|()| written))
    })?;
    // In parallel, because the disk can then merge the syncs.
    thread::scope(|scope| {
        let files = files.iter().map(|file| (file.file(), file.staged_path()));
        let syncs = files
            .map(|(file, path)| spawn(scope, move || file.sync_all().map_err(Error::io("writing to the disk", path))));
        let syncs = syncs.collect::<Result<Vec<_>>>()?;
        syncs.into_iter().try_for_each(|sync| sync.join().unwrap_or_else(|_| Err(sync_panicked())))
    })?;
    Ok(written)
}

fn sync_panicked() -> Error {
    Error::Internal("the thread that syncs a file panicked".into())
}
