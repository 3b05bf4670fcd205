//! A commit by one rename per file.
//!
//! The old manifest is moved away first and the new one comes last, so no manifest exists in between. A journal lists
//! all steps, and the next run finishes them after a kill.

use super::file_system::sync_folders_of;
use super::folder_update::FolderUpdate;
use super::journal::{Journal, backup_path};
use super::staged_file::StagedFile;
use crate::error::{Error, Result};
use crate::parquet_files::file_names::journal_file;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Carries out `update`. If a step fails, the steps before it are undone.
///
/// # Errors
/// Returns [`Error::Io`] if a step fails, and [`Error::Misuse`] if another saasgen is committing to the folder.
pub(super) fn rename_all(update: &FolderUpdate<'_>) -> Result<()> {
    let journal_path = update.folder.join(journal_file(update.part));
    let file = StagedFile::lock(journal_path)?.ok_or_else(|| {
        Error::Misuse(format!(
            "another saasgen is writing to {}: wait for it, or choose another --out",
            update.folder.display()
        ))
    })?;
    let names = |paths: &mut dyn Iterator<Item = &Path>| {
        paths.map(|path| update.relative(path).to_string_lossy().into_owned()).collect()
    };
    let journal = Journal {
        remove: names(&mut update.removed.iter().map(PathBuf::as_path)),
        place: names(&mut update.new_files.iter().map(|file| file.path())),
    };
    file.rewrite(&serde_json::to_vec(&journal).map_err(|error| Error::Internal(error.to_string()))?)?;
    file.sync()?;
    sync_folders(update);

    let mut done = Vec::new();
    let removals = update.removed.iter().map(|path| (path.as_path(), None));
    let result = removals
        .chain(update.new_files.iter().map(|file| (file.path(), Some(*file))))
        .try_for_each(|(path, new)| replace(path, new, &mut done));
    sync_folders(update);
    for step in done.into_iter().rev() {
        if result.is_ok() { step.delete_backup() } else { step.undo() }
    }
    result
}

/// Syncs the folder and the folders of its tables.
fn sync_folders(update: &FolderUpdate<'_>) {
    let removed = update.removed.iter().map(PathBuf::as_path);
    sync_folders_of(update.new_files.iter().map(|file| file.path()).chain(removed));
}

/// One step of a commit: the old file is at its backup path, and the new one is in its place.
struct Replacement<'a> {
    path: PathBuf,
    /// `None` if there was no old file.
    backup: Option<PathBuf>,
    /// `None` if the file is only removed.
    new: Option<&'a StagedFile>,
}

fn replace<'a>(path: &Path, new: Option<&'a StagedFile>, done: &mut Vec<Replacement<'a>>) -> Result<()> {
    let backup = backup_path(path);
    let backup = match fs::rename(path, &backup) {
        Ok(()) => Some(backup),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("moving away", path)(error)),
    };
    done.push(Replacement { path: path.to_path_buf(), backup, new });
    new.map_or(Ok(()), StagedFile::publish)
}

impl Replacement<'_> {
    fn delete_backup(self) {
        if let Some(backup) = self.backup {
            // A backup that stays does no harm: its name shows that it is a leftover.
            let _ = fs::remove_file(backup);
        }
    }

    fn undo(self) {
        if let Some(new) = self.new {
            new.unpublish();
        }
        if let Some(backup) = self.backup {
            let _ = fs::rename(backup, &self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet_files::commit::file_system::contents;
    use std::fs::File;

    fn staged_files<const N: usize>(folder: &Path, names: [&str; N]) -> [StagedFile; N] {
        names.map(|name| {
            let file = StagedFile::create(folder.join(name)).unwrap();
            file.rewrite(b"new").unwrap();
            file
        })
    }

    fn rename_all_in(folder: &Path, files: &[StagedFile], removed: &[&str]) -> Result<()> {
        let removed: Vec<PathBuf> = removed.iter().map(|name| folder.join(name)).collect();
        let (new_files, lock) = (files.iter().collect::<Vec<_>>(), File::open(folder).unwrap());
        rename_all(&FolderUpdate { folder, lock: &lock, part: None, new_files: &new_files, removed: &removed })
    }

    #[test]
    fn new_files_replace_old_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("a"), "old").unwrap();
        fs::write(path.join("c"), "old").unwrap();
        let files = staged_files(path, ["a", "b"]);
        rename_all_in(path, &files, &["c", "missing"]).unwrap();
        drop(files);
        let expected = [("a", "new"), ("b", "new")].map(|(name, text)| (name.to_string(), text.to_string()));
        assert_eq!(contents(path), expected);
    }

    /// The third file can't be replaced: a folder with content has the name of its backup.
    #[test]
    fn a_step_that_fails_undoes_the_steps_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in ["a", "c", "d"] {
            fs::write(path.join(name), "old").unwrap();
        }
        fs::create_dir_all(path.join("c.old.inprogress/content")).unwrap();
        let before = contents(path);
        let files = staged_files(path, ["a", "b", "c"]);
        let error = rename_all_in(path, &files, &["a", "d"]).unwrap_err();
        assert!(error.to_string().contains("moving away"), "{error}");
        drop(files);
        assert_eq!(contents(path), before);
    }
}
