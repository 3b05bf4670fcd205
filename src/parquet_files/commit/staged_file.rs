//! Staged files: new files under temporary names that no reader takes for tables.

use super::file_sink::{FileSink, write_all};
use super::file_system::{file_id, parent_of, remove_if_exists, sync_folder};
use crate::error::{Error, Result};
use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

/// The suffix of staged names.
const IN_PROGRESS: &str = ".inprogress";

/// Returns the staged name of the file that will be at `path`.
pub(super) fn staged_path(path: &Path) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(IN_PROGRESS);
    name.into()
}

/// Returns the final file name of the staged file at `path`, or `None` if `path` is not a staged name.
pub(in crate::parquet_files) fn final_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_suffix(IN_PROGRESS)
}

/// Removes the staged file of `path` that a killed run may have left. Removes links without following them.
///
/// # Errors
/// Returns [`Error::Io`] if the file can't be removed.
pub(in crate::parquet_files) fn remove_leftover(path: &Path) -> Result<()> {
    let staged = staged_path(path);
    remove_if_exists(&staged).map_err(Error::io("removing the leftover", &staged))
}

/// Returns whether a running program has the staged file at `staged` locked.
pub(in crate::parquet_files) fn is_locked(staged: &Path) -> bool {
    File::open(staged).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// A file under its staged name. Dropping it before it is published deletes the file.
#[derive(Debug)]
pub(in crate::parquet_files) struct StagedFile {
    file: File,
    staged: PathBuf,
    path: PathBuf,
    /// Whether the file has its final name. A file under the staged name then belongs to another program.
    is_published: Cell<bool>,
}

impl StagedFile {
    /// Creates an empty file that will be at `path`.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be created, or if something already has the staged name.
    pub fn create(path: PathBuf) -> Result<Self> {
        let staged = staged_path(&path);
        let create = || File::create_new(&staged);
        let file = create().or_else(|error| match path.parent() {
            // A failed run of another part may have just removed the folder that it had created.
            Some(folder) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder).and_then(|()| create())
            }
            _ => Err(error),
        });
        let file = file.map_err(Error::io("creating", &staged))?;
        Ok(Self { file, staged, path, is_published: Cell::new(false) })
    }

    /// Opens and locks the staged file of `path`. Creates it if it is missing, and keeps the content that a killed run
    /// left in it. Returns `None` if another program has it locked.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be created or locked.
    pub fn lock(path: PathBuf) -> Result<Option<Self>> {
        let staged = staged_path(&path);
        // Writers only create regular files. Anything else is removed, and a link is not followed.
        if !fs::symlink_metadata(&staged).is_ok_and(|metadata| metadata.is_file()) {
            remove_leftover(&path)?;
        }
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&staged);
            let file = file.map_err(Error::io("creating", &staged))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(Error::io("locking", &staged)(error)),
            }
            // The previous holder of the lock may have renamed or deleted the file. The staged name is then another
            // file, or none.
            if file_id(fs::symlink_metadata(&staged)) == file_id(file.metadata()) {
                return Ok(Some(Self { file, staged, path, is_published: Cell::new(false) }));
            }
        }
    }

    /// Returns a sink that appends to the file.
    pub fn sink(&self) -> FileSink<'_> {
        FileSink::new(&self.file, &self.staged)
    }

    /// Returns the open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Replaces the content of the file with `bytes`.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be written.
    pub fn rewrite(&self, bytes: &[u8]) -> Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| (&self.file).rewind());
        emptied.map_err(Error::io("writing", &self.staged))?;
        write_all(&self.file, &self.staged, bytes)
    }

    /// Waits until the content of the file survives a crash of the machine.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the disk fails.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(Error::io("writing to the disk", &self.staged))
    }

    /// Returns the size of the file in bytes.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the size can't be read.
    pub fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(Error::io("reading the size of", &self.staged))?.len())
    }

    /// Returns the final path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the file before it is published.
    pub fn staged_path(&self) -> &Path {
        &self.staged
    }

    /// Renames the file to its final path.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be renamed.
    pub fn publish(&self) -> Result<()> {
        fs::rename(&self.staged, &self.path).map_err(Error::io("renaming into place", &self.path))?;
        self.mark_published();
        Ok(())
    }

    /// Undoes [`Self::publish`] if possible.
    pub fn unpublish(&self) {
        if self.is_published.get() && fs::rename(&self.path, &self.staged).is_ok() {
            self.is_published.set(false);
        }
    }

    /// Records that the caller has given the file its final path. Dropping the value then deletes nothing.
    pub fn mark_published(&self) {
        self.is_published.set(true);
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.is_published.get() {
            // If this fails, the next run removes the file.
            let _ = fs::remove_file(&self.staged);
        }
    }
}

/// Replaces the file at `path` with `bytes` in one step. The old file stays until the new one is on the disk.
///
/// # Errors
/// Returns [`Error::Misuse`] if another saasgen is writing the same file, and [`Error::Io`] if the file can't be
/// written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = StagedFile::lock(path.to_path_buf())?.ok_or_else(|| {
        Error::Misuse(format!("another saasgen is writing {}: wait for it, or name another file", path.display()))
    })?;
    file.rewrite(bytes)?;
    file.sync()?;
    file.publish()?;
    sync_folder(parent_of(path));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn staged_files_follow_no_link_and_replace_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("precious"), "old").unwrap();
        std::os::unix::fs::symlink("precious", path.join("a.inprogress")).unwrap();
        assert!(StagedFile::create(path.join("a")).is_err());
        remove_leftover(&path.join("a")).unwrap();
        let file = StagedFile::create(path.join("a")).unwrap();
        file.sink().write_all(b"new").unwrap();
        drop(file);
        assert_eq!(fs::read(path.join("precious")).unwrap(), b"old");
        assert_eq!(fs::read_dir(path).unwrap().count(), 1);
    }
}
