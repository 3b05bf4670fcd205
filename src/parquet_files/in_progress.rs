//! Files on their way into a folder: written under temporary names, then put in the place of the old ones together.

use crate::error::{Error, Result};
use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Added to a final name while the file is being written.
const IN_PROGRESS: &str = ".inprogress";

/// Added to the name of an old file while the new ones are put in place.
const REPLACED: &str = ".replaced";

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(suffix);
    name.into()
}

/// Removes what a killed run may have left under the temporary name of `path`, whatever it is; follows no link.
pub(super) fn remove_leftover(path: &Path) -> Result<()> {
    let temporary = with_suffix(path, IN_PROGRESS);
    remove_if_there(&temporary).map_err(Error::io("removing the leftover", &temporary))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
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
        let temporary = with_suffix(&path, IN_PROGRESS);
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
        let temporary = with_suffix(&path, IN_PROGRESS);
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

    /// Puts it in its place.
    fn place(&self) -> Result<()> {
        fs::rename(&self.temporary, &self.path).map_err(Error::io("renaming into place", &self.path))?;
        self.is_placed.set(true);
        Ok(())
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
/// [`Error::Io`] where it can't be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    remove_leftover(path)?;
    let file = InProgressFile::create(path.to_path_buf())?;
    file.rewrite(bytes)?;
    file.place()
}

/// Puts `files` in their places and takes the files at `stale` away, all or none: where one step fails, those before
/// it are taken back.
pub(super) fn commit(files: &[&InProgressFile], stale: &[PathBuf]) -> Result<()> {
    let mut replaced = Vec::new();
    let placed = files
        .iter()
        .map(|file| (file.path.as_path(), Some(*file)))
        .chain(stale.iter().map(|path| (path.as_path(), None)))
        .try_for_each(|(path, new)| replace(path, new, &mut replaced));
    for step in replaced.into_iter().rev() {
        if placed.is_ok() { step.forget() } else { step.take_back() }
    }
    placed
}

/// A file that has been moved away, or was not there, and may have another in its place.
struct Replaced {
    path: PathBuf,
    old: Option<PathBuf>,
}

fn replace(path: &Path, new: Option<&InProgressFile>, replaced: &mut Vec<Replaced>) -> Result<()> {
    let backup = with_suffix(path, REPLACED);
    let old = match fs::rename(path, &backup) {
        Ok(()) => Some(backup),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("moving away", path)(error)),
    };
    replaced.push(Replaced { path: path.to_path_buf(), old });
    match new {
        Some(new) => new.place(),
        None => Ok(()),
    }
}

impl Replaced {
    /// The new file stays.
    fn forget(self) {
        if let Some(old) = self.old {
            // The data set is whole without; the name says what it is.
            let _ = fs::remove_file(old);
        }
    }

    /// The old file is there again, as far as the folder lets it.
    fn take_back(self) {
        let _ = match self.old {
            Some(old) => fs::rename(old, &self.path),
            None => remove_if_there(&self.path),
        };
    }
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
}

impl<'a> Sink<'a> {
    pub fn of(file: &'a InProgressFile) -> Self {
        Self { file: &file.file, path: &file.temporary }
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
        self.file.write(bytes).map_err(|error| self.named(error))
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

    fn contents(folder: &Path) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_file())
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    }

    fn new_file(folder: &Path, name: &str) -> InProgressFile {
        let file = InProgressFile::create(folder.join(name)).unwrap();
        Sink::of(&file).write_all(b"new").unwrap();
        file
    }

    fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    }

    #[test]
    fn all_files_are_put_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("a"), "old").unwrap();
        fs::write(path.join("c"), "old").unwrap();
        let files = ["a", "b"].map(|name| new_file(path, name));
        commit(&files.each_ref(), &[path.join("c"), path.join("gone")]).unwrap();
        drop(files);
        assert_eq!(contents(path), pairs(&[("a", "new"), ("b", "new")]));
    }

    /// The second file can't be put in place: a folder with something in it stands where the old one would go.
    #[test]
    fn a_step_that_fails_takes_back_those_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in ["a", "c"] {
            fs::write(path.join(name), "old").unwrap();
        }
        fs::create_dir_all(path.join("c.replaced/full")).unwrap();
        let before = contents(path);
        let files = ["a", "b", "c"].map(|name| new_file(path, name));
        let error = commit(&files.each_ref(), &[]).unwrap_err();
        assert!(error.to_string().contains("moving away"), "{error}");
        drop(files);
        assert_eq!(contents(path), before);
    }

    #[test]
    fn temporary_names_follow_no_link_and_take_no_others_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("precious"), "old").unwrap();
        std::os::unix::fs::symlink("precious", path.join("a.inprogress")).unwrap();
        assert!(InProgressFile::create(path.join("a")).is_err());
        remove_leftover(&path.join("a")).unwrap();
        drop(new_file(path, "a"));
        assert_eq!(contents(path), pairs(&[("precious", "old")]));
    }
}
