//! The journal of a commit by renames, and recovery from it after a kill.

use super::file_system::{file_id, remove_if_exists, sync_folders_of};
use super::staged_file::{final_name, staged_path};
use crate::error::{Error, Result};
use crate::parquet_files::file_names::{is_output_file, part_of_journal};
use crate::scan::Part;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The content of a journal. The journal exists during the commit, and the committing program holds its lock. Names are
/// relative to the folder. A name in both lists has an old and a new file.
#[derive(Serialize, Deserialize)]
pub(super) struct Journal {
    /// Files to remove.
    pub remove: Vec<String>,
    /// Files to rename from their staged names.
    pub place: Vec<String>,
}

impl Journal {
    /// Does all steps that are not done yet.
    fn finish(&self, folder: &Path) -> Result<()> {
        // Protects all other files, whatever the journal says.
        let paths = |names: &[String]| -> Vec<PathBuf> {
            names.iter().filter(|name| is_output_file(name)).map(|name| folder.join(name)).collect()
        };
        let (remove, place) = (paths(&self.remove), paths(&self.place));
        for path in remove.iter().filter(|path| !place.contains(path)) {
            remove_if_exists(path).map_err(Error::io("removing", path))?;
        }
        for path in &place {
            match fs::rename(staged_path(path), path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("renaming into place", path)(error));
                }
                _ => {}
            }
        }
        sync_folders_of(remove.iter().chain(&place).map(PathBuf::as_path));
        for path in remove.iter().chain(&place) {
            let backup = backup_path(path);
            remove_if_exists(&backup).map_err(Error::io("removing the leftover", &backup))?;
        }
        Ok(())
    }
}

/// Returns the temporary name of the old file at `path` during a commit.
pub(super) fn backup_path(path: &Path) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(".old");
    staged_path(Path::new(&name))
}

/// Finishes the commits of killed runs in `folder`. Returns `false` if a running program is committing `part`, or the
/// whole data set.
///
/// # Errors
/// Returns [`Error::Io`] if a file can't be read, renamed or removed.
pub(in crate::parquet_files) fn recover(folder: &Path, part: Option<Part>) -> Result<bool> {
    for (journal_part, path) in journals(folder)? {
        if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            remove_if_exists(&path).map_err(Error::io("removing the leftover", &path))?;
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if journal_part.is_none() || journal_part == part => return Ok(false),
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(Error::io("locking", &path)(error)),
        }
        if file_id(fs::symlink_metadata(&path)) != file_id(file.metadata()) {
            continue;
        }
        // An incomplete journal means that no step was begun.
        if let Ok(journal) = serde_json::from_reader::<_, Journal>(io::BufReader::new(&file)) {
            journal.finish(folder)?;
        }
        remove_if_exists(&path).map_err(Error::io("removing the leftover", &path))?;
    }
    Ok(true)
}

/// Returns whether a commit in `folder` is running, or was killed and not finished.
///
/// # Errors
/// Returns [`Error::Io`] if the folder can't be read.
pub(in crate::parquet_files) fn has_journal(folder: &Path) -> Result<bool> {
    Ok(!journals(folder)?.is_empty())
}

/// Returns the journals in `folder`, each with its part. The journal of a whole data set has none.
fn journals(folder: &Path) -> Result<Vec<(Option<Part>, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
    };
    let paths = entries.map_err(Error::io("reading", folder))?.into_iter().map(|entry| entry.path());
    Ok(paths.filter_map(|path| Some((part_of_journal(final_name(&path)?)?, path))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet_files::commit::file_system::contents;

    fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    }

    #[test]
    fn recovery_finishes_a_commit_that_was_killed_after_any_step() {
        let (replaced, added, removed) = ("customers.parquet", "billing.parquet", "support.parquet");
        let expected = pairs(&[(added, "new"), (replaced, "new"), ("precious", "old")]);
        let steps: [fn(&Path); 6] = [
            |_| {},
            |path| fs::rename(path.join("support.parquet"), backup_path(&path.join("support.parquet"))).unwrap(),
            |path| fs::rename(path.join("customers.parquet"), backup_path(&path.join("customers.parquet"))).unwrap(),
            |path| fs::rename(path.join("customers.parquet.inprogress"), path.join("customers.parquet")).unwrap(),
            |path| fs::rename(path.join("billing.parquet.inprogress"), path.join("billing.parquet")).unwrap(),
            |path| fs::remove_file(backup_path(&path.join("support.parquet"))).unwrap(),
        ];
        for done in 1..=steps.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path();
            for name in [replaced, removed, "precious"] {
                fs::write(path.join(name), "old").unwrap();
            }
            for name in [replaced, added] {
                fs::write(staged_path(&path.join(name)), "new").unwrap();
            }
            let journal = Journal {
                remove: vec![removed.into(), "precious".into(), "../precious".into()],
                place: vec![replaced.into(), added.into()],
            };
            fs::write(path.join("commit.inprogress"), serde_json::to_vec(&journal).unwrap()).unwrap();
            steps[..done].iter().for_each(|step| step(path));
            assert!(has_journal(path).unwrap());
            assert!(recover(path, None).unwrap());
            assert_eq!(contents(path), expected, "{done} steps");
        }
    }

    #[test]
    fn an_incomplete_journal_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("customers.parquet"), "old").unwrap();
        fs::write(folder.path().join("commit.inprogress"), "{\"remove\":[\"customers.parquet\"]").unwrap();
        assert!(recover(folder.path(), None).unwrap());
        assert_eq!(contents(folder.path()), pairs(&[("customers.parquet", "old")]));
    }
}
