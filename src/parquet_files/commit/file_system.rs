//! Operations on files and folders that the standard library lacks.

use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Returns the device and inode, which tell a file or folder from another one that later takes its path. Returns `None`
/// if there is no such file.
pub(in crate::parquet_files) fn file_id(metadata: io::Result<fs::Metadata>) -> Option<(u64, u64)> {
    metadata.ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Removes the file at `path`, and succeeds if there is none, even on a read-only file system.
pub(super) fn remove_if_exists(path: &Path) -> io::Result<()> {
    use io::ErrorKind::{NotADirectory, NotFound};
    match path.symlink_metadata().and_then(|_| fs::remove_file(path)) {
        Err(error) if [NotFound, NotADirectory].contains(&error.kind()) => Ok(()),
        other => other,
    }
}

/// Waits until the names in `folder` survive a crash of the machine. Ignores errors, because some file systems can't
/// sync folders.
pub(super) fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Returns the folder that `path` is in.
pub(super) fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Syncs the folders that `paths` are in: folders of tables before the folder of the manifest.
pub(super) fn sync_folders_of<'a>(paths: impl IntoIterator<Item = &'a Path>) {
    let folders: BTreeSet<&Path> = paths.into_iter().map(parent_of).collect();
    folders.into_iter().rev().for_each(sync_folder);
}

/// Folders that this run created. Dropping the value removes the empty ones.
#[derive(Debug)]
pub(in crate::parquet_files) struct CreatedFolders(Vec<PathBuf>);

impl CreatedFolders {
    /// Creates `path` and its missing parents, and syncs their names.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if `path` or one of its parents is a file, or a link that leads nowhere. Returns
    /// [`Error::Io`] if a folder can't be created.
    pub fn create(path: &Path) -> Result<Self> {
        check_nothing_in_the_way(path)?;
        let missing = path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        fs::create_dir_all(path).map_err(|error| not_created(path, &error))?;
        let created = Self(missing);
        created.0.iter().map(|folder| parent_of(folder)).for_each(sync_folder);
        Ok(created)
    }
}

/// Returns the error for a folder that can't be created.
fn not_created(path: &Path, error: &io::Error) -> Error {
    let advice = match error.kind() {
        // All parents exist or can be created, so only the file system can say this. /proc does.
        io::ErrorKind::NotFound => "its file system takes no new folders; ",
        io::ErrorKind::PermissionDenied => "this user may not create it; ",
        _ => "",
    };
    let message = format!("{error}: {advice}choose another --out");
    Error::io("creating the folder", path)(io::Error::new(error.kind(), message))
}

/// Returns an error if `path` or one of its parents is there, but no folder.
fn check_nothing_in_the_way(path: &Path) -> Result<()> {
    let Some(there) = path.ancestors().find(|there| there.symlink_metadata().is_ok()) else { return Ok(()) };
    match there.metadata() {
        Ok(metadata) if !metadata.is_dir() => Err(Error::Misuse(format!(
            "{there} is not a folder, so no files can be written to {path}: choose another --out, or move {there} away",
            there = there.display(),
            path = path.display(),
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let target = fs::read_link(there).unwrap_or_default();
            Err(Error::Misuse(format!(
                "{} is a link to {target}, which does not exist, so no files can be written to {}: create {target}, or \
                 choose another --out",
                there.display(),
                path.display(),
                target = target.display(),
            )))
        }
        Err(error) => Err(Error::io("opening the folder", there)(error)),
        Ok(_) => Ok(()),
    }
}

impl Drop for CreatedFolders {
    fn drop(&mut self) {
        for folder in &self.0 {
            // Fails if the folder has files, which is the normal case.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Returns the entries of `folder` by name, each with the text of its file.
#[cfg(test)]
pub(super) fn contents(folder: &Path) -> Vec<(String, String)> {
    let entry_contents = |entry: io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let text = if path.is_dir() { "a folder".into() } else { fs::read_to_string(&path).unwrap() };
        (path.file_name().unwrap().to_str().unwrap().to_string(), text)
    };
    let mut contents: Vec<_> = fs::read_dir(folder).unwrap().map(entry_contents).collect();
    contents.sort();
    contents
}
