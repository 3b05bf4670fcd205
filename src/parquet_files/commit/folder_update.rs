//! The changes of one commit.

use super::staged_file::StagedFile;
use crate::scan::Part;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The files that a commit adds to a folder and removes from it.
pub(in crate::parquet_files) struct FolderUpdate<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// The open folder, locked against other writers.
    pub lock: &'a File,
    /// The part of the data set that the files hold, or `None` for all of it.
    pub part: Option<Part>,
    /// Staged files that are complete and synced. The manifest is the last one.
    pub new_files: &'a [&'a StagedFile],
    /// Files of the folder to remove. Manifests come first.
    pub removed: &'a [PathBuf],
}

impl FolderUpdate<'_> {
    /// Returns `path`, which is in the folder, relative to the folder.
    pub fn relative<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(self.folder).unwrap_or(path)
    }
}
