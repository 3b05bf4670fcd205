//! Writers whose errors name the file.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc;

/// Unsynced bytes after which a background sync starts. Syncing everything at the end takes a tenth longer.
const SYNC_BYTES: usize = 1 << 20;

/// Writes to a file. Its I/O errors contain an [`Error`] with the path. The parquet crate passes them on unchanged, and
/// [`unwrap_sink_error`] takes the [`Error`] out again.
pub(in crate::parquet_files) struct FileSink<'a> {
    file: &'a File,
    path: &'a Path,
    unsynced_bytes: usize,
    /// Receives the file each time it has [`SYNC_BYTES`] unsynced bytes.
    sync_requests: Option<mpsc::Sender<(&'a File, &'a Path)>>,
}

impl<'a> FileSink<'a> {
    /// Returns a sink that writes to `file`, which is at `path`.
    pub fn new(file: &'a File, path: &'a Path) -> Self {
        Self { file, path, unsynced_bytes: 0, sync_requests: None }
    }

    /// Sends the file to `sync_requests` each time it should be synced.
    pub fn with_sync_requests(self, sync_requests: mpsc::Sender<(&'a File, &'a Path)>) -> Self {
        Self { sync_requests: Some(sync_requests), ..self }
    }

    fn with_path(&self, error: io::Error) -> io::Error {
        match error.kind() {
            // The caller retries these.
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, Error::io("writing", self.path)(error)),
        }
    }
}

impl Write for FileSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).map_err(|error| self.with_path(error))?;
        self.unsynced_bytes += written;
        if let Some(requests) = self.sync_requests.as_ref().filter(|_| self.unsynced_bytes >= SYNC_BYTES) {
            self.unsynced_bytes = 0;
            // The receiver is gone only after a failed sync, which ends the run.
            let _ = requests.send((self.file, self.path));
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.with_path(error))
    }
}

/// Returns the error that a [`FileSink`] put into `error`.
pub(in crate::parquet_files) fn unwrap_sink_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::io("writing", "a Parquet file")(error),
    }
}

/// Writes all of `bytes` to `file`, which is at `path`.
///
/// # Errors
/// Returns [`Error::Io`] with the path if the file can't be written.
pub(super) fn write_all(file: &File, path: &Path, bytes: &[u8]) -> Result<()> {
    FileSink::new(file, path).write_all(bytes).map_err(unwrap_sink_error)
}
