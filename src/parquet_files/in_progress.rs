//! Files on their way into a folder: written under temporary names, which no reader takes for tables.

use crate::error::{Error, Result};
use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

/// Added to a final name while the file is being written.
const IN_PROGRESS: &str = ".inprogress";

/// Bytes of a file after which the disk is set to work on them, while others are made: waiting for all at the end would
/// cost a tenth of the run.
const SYNCED_BYTES: usize = 1 << 20;

/// The temporary name of what is to stand at `path`.
pub(super) fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(IN_PROGRESS);
    name.into()
}

/// Removes what a killed run may have left under the temporary name of `path`, whatever it is; follows no link.
pub(super) fn remove_leftover(path: &Path) -> Result<()> {
    let temporary = temporary_name(path);
    remove_if_there(&temporary).map_err(Error::io("removing the leftover", &temporary))
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The name that a file in progress is to have; `None` where `path` is of none.
pub(super) fn final_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_suffix(IN_PROGRESS)
}

/// Whether somebody writes the file in progress at `path`; those that write share it with nobody.
pub(super) fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// What tells a file or folder from another that comes to stand at its path.
pub(super) fn inode(metadata: io::Result<fs::Metadata>) -> Option<(u64, u64)> {
    metadata.ok().map(|there| (there.dev(), there.ino()))
}

/// A file under its temporary name, deleted when dropped.
#[derive(Debug)]
pub(super) struct InProgressFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    /// Whether it stands at `path`; what stands under its temporary name then is another's.
    is_placed: Cell<bool>,
}

impl InProgressFile {
    /// A new, empty file that is to stand at `path`.
    pub fn create(path: PathBuf) -> Result<Self> {
        let temporary = temporary_name(&path);
        let create = || File::create_new(&temporary);
        let file = create().or_else(|error| match path.parent() {
            // Another part that failed may have taken the folder away with it.
            Some(folder) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder).and_then(|()| create())
            }
            _ => Err(error),
        });
        let file = file.map_err(Error::io("creating", &temporary))?;
        Ok(Self { file, temporary, path, is_placed: Cell::new(false) })
    }

    /// A file that is to stand at `path`, held against others who would write it too; `None` where one of them holds
    /// it. What a killed run left is taken over, with what it holds.
    pub fn hold(path: PathBuf) -> Result<Option<Self>> {
        let temporary = temporary_name(&path);
        // What is no plain file is nobody's who writes: a link is not followed.
        if !fs::symlink_metadata(&temporary).is_ok_and(|there| there.is_file()) {
            remove_leftover(&path)?;
        }
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&temporary);
            let file = file.map_err(Error::io("creating", &temporary))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(Error::io("locking", &temporary)(error)),
            }
            // Whoever held it until now may have put it in its place or deleted it: then this is another file.
            if inode(fs::symlink_metadata(&temporary)) == inode(file.metadata()) {
                return Ok(Some(Self { file, temporary, path, is_placed: Cell::new(false) }));
            }
        }
    }

    /// Makes `bytes` all that it holds.
    pub fn rewrite(&self, bytes: &[u8]) -> Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| (&self.file).rewind());
        emptied.map_err(Error::io("writing", &self.temporary))?;
        Sink::of(self).write_all(bytes).map_err(unwrap_sink_error)
    }

    /// Where it is to stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it stands until then.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Puts it in its place.
    pub fn place(&self) -> Result<()> {
        fs::rename(&self.temporary, &self.path).map_err(Error::io("renaming into place", &self.path))?;
        self.set_placed();
        Ok(())
    }

    /// Undoes [`Self::place`], as far as the folder lets it.
    pub fn take_back(&self) {
        if self.is_placed.get() && fs::rename(&self.path, &self.temporary).is_ok() {
            self.is_placed.set(false);
        }
    }

    /// Leaves it to whoever has put it in its place.
    pub fn set_placed(&self) {
        self.is_placed.set(true);
    }

    /// Waits until it would outlast a crash of the machine.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(Error::io("writing to the disk", &self.temporary))
    }

    /// Its size in bytes.
    pub fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(Error::io("looking at", &self.temporary))?.len())
    }
}

impl Drop for InProgressFile {
    fn drop(&mut self) {
        if !self.is_placed.get() {
            // Nothing is left to tell a failure to, and the next run removes it.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Writes a file that stands at `path` whole or not at all; what was there before stays until then.
///
/// # Errors
/// [`Error::Io`] where it can't be written, [`Error::Misuse`] where another saasgen is writing it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = InProgressFile::hold(path.to_path_buf())?.ok_or_else(|| {
        Error::Misuse(format!("another saasgen is writing {}: wait for it, or name another file", path.display()))
    })?;
    file.rewrite(bytes)?;
    file.sync()?;
    file.place()?;
    sync_folder(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    Ok(())
}

/// Waits until the names in `folder` would outlast a crash. Some file systems can't sync folders: they keep no less
/// without.
pub(super) fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Runs `write` with a sink to each file, and syncs what it writes meanwhile; then waits for the rest.
///
/// # Errors
/// What `write` gave; [`Error::Io`] where the disk failed.
pub(super) fn write_synced<T>(files: &[InProgressFile], write: impl FnOnce(Vec<Sink<'_>>) -> Result<T>) -> Result<T> {
    let written = thread::scope(|scope| {
        let (filled, to_sync) = mpsc::channel::<(&File, &Path)>();
        let syncing = scope.spawn(move || {
            to_sync.into_iter().try_for_each(|(file, path)| {
                // Told once: a later sync of the same file would not tell of it again.
                file.sync_data().map_err(Error::io("writing to the disk", path))
            })
        });
        let sinks = files.iter().map(|file| Sink { filled: Some(filled.clone()), ..Sink::of(file) }).collect();
        drop(filled);
        let written = write(sinks);
        let synced = syncing.join().unwrap_or_else(|_| Err(Error::Internal("a sync failed".into())));
        written.and_then(|written| synced.map(|()| written))
    })?;
    // At once: the disk takes them together.
    thread::scope(|scope| {
        let syncs = files.iter().map(|InProgressFile { file, .. }| scope.spawn(|| file.sync_all()));
        let syncs: Vec<_> = syncs.collect();
        files.iter().zip(syncs).try_for_each(|(file, sync)| {
            let synced = sync.join().map_err(|_| Error::Internal("a sync failed".into()))?;
            synced.map_err(Error::io("writing to the disk", &file.temporary))
        })
    })?;
    Ok(written)
}

/// Folders that were not there before; they go again when dropped, as far as nothing is in them then.
#[derive(Debug)]
pub(super) struct EmptyFolders(Vec<PathBuf>);

impl EmptyFolders {
    /// Creates `path` and its parents, as far as they are not there.
    pub fn create(path: &Path) -> Result<Self> {
        let missing = path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let missing = missing.map(Path::to_path_buf).collect();
        fs::create_dir_all(path).map_err(Error::io("creating the folder", path))?;
        Ok(Self(missing))
    }
}

impl Drop for EmptyFolders {
    fn drop(&mut self) {
        for folder in &self.0 {
            // Refused where files are in it, as they should be.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Writes to a file; its errors carry what was being done to which path through Parquet's.
pub(super) struct Sink<'a> {
    file: &'a File,
    path: &'a Path,
    /// Bytes not synced yet.
    unsynced: usize,
    /// Told when there are many of them.
    filled: Option<mpsc::Sender<(&'a File, &'a Path)>>,
}

impl<'a> Sink<'a> {
    pub fn of(file: &'a InProgressFile) -> Self {
        Self { file: &file.file, path: &file.temporary, unsynced: 0, filled: None }
    }

    fn named(&self, error: io::Error) -> io::Error {
        match error.kind() {
            // The caller tries again.
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, Error::io("writing", self.path)(error)),
        }
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).map_err(|error| self.named(error))?;
        self.unsynced += written;
        if let Some(filled) = self.filled.as_ref().filter(|_| self.unsynced >= SYNCED_BYTES) {
            self.unsynced = 0;
            // Nobody listens after a sync that failed, which ends the run.
            let _ = filled.send((self.file, self.path));
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.named(error))
    }
}

/// Returns the error that a [`Sink`] put into an I/O error.
pub(super) fn unwrap_sink_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::io("writing", "a Parquet file")(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_follow_no_link_and_take_no_others_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("precious"), "old").unwrap();
        std::os::unix::fs::symlink("precious", path.join("a.inprogress")).unwrap();
        assert!(InProgressFile::create(path.join("a")).is_err());
        remove_leftover(&path.join("a")).unwrap();
        let file = InProgressFile::create(path.join("a")).unwrap();
        Sink::of(&file).write_all(b"new").unwrap();
        drop(file);
        assert_eq!(fs::read(path.join("precious")).unwrap(), b"old");
        assert_eq!(fs::read_dir(path).unwrap().count(), 1);
    }
}
