//! Puts new files in the place of old ones, all or none, whatever ends the program meanwhile.
//!
//! A whole data set changes in one step, see [`cover`]. The files of a part are renamed one by one, as those of the
//! whole are where the file system has no such step: no manifest is there meanwhile, and a record of what is to be
//! done, which the next run carries out.

use super::cover;
use super::in_progress::{InProgressFile, final_name, inode, remove_if_there, sync_folder, temporary_name};
use super::layout::{is_own, is_read_as_part, journal_file, part_of_journal};
use crate::error::{Error, Result};
use crate::scan::Part;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// What is to become of a folder.
pub(super) struct Commit<'a> {
    pub folder: &'a Path,
    /// The folder as it was opened, held against other writers.
    pub lock: &'a File,
    /// Of which part the files are.
    pub part: Option<Part>,
    /// New files in the folder, whole and synced, the manifest last.
    pub place: &'a [&'a InProgressFile],
    /// Files of the folder that are to go, manifests first.
    pub remove: &'a [PathBuf],
}

impl Commit<'_> {
    /// Does it.
    ///
    /// # Errors
    /// [`Error::Io`], whereupon everything is as it was before.
    pub fn run(&self) -> Result<()> {
        if inode(self.lock.metadata()) != inode(self.folder.metadata()) {
            let moved = io::Error::other("it was moved, removed or replaced while its files were being made");
            return Err(Error::io("putting files into the folder", self.folder)(moved));
        }
        if self.part.is_none() && cover::swap(self)? { Ok(()) } else { self.one_by_one() }
    }

    /// The name of a file in the folder, as seen from there.
    pub fn relative<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(self.folder).unwrap_or(path)
    }

    fn one_by_one(&self) -> Result<()> {
        let record = self.folder.join(journal_file(self.part));
        let held = InProgressFile::hold(record)?.ok_or_else(|| {
            Error::Misuse(format!("another saasgen is writing to {}: wait for it", self.folder.display()))
        })?;
        let names = |paths: &mut dyn Iterator<Item = &Path>| {
            paths.map(|path| self.relative(path).to_string_lossy().into_owned()).collect()
        };
        let journal = Journal {
            remove: names(&mut self.remove.iter().map(PathBuf::as_path)),
            place: names(&mut self.place.iter().map(|file| file.path())),
        };
        held.rewrite(&serde_json::to_vec(&journal).map_err(|error| Error::Internal(error.to_string()))?)?;
        held.sync()?;
        self.sync_folders();

        let mut replaced = Vec::new();
        let away = self.remove.iter().map(|path| (path.as_path(), None));
        let done = away
            .chain(self.place.iter().map(|file| (file.path(), Some(*file))))
            .try_for_each(|(path, new)| replace(path, new, &mut replaced));
        self.sync_folders();
        for step in replaced.into_iter().rev() {
            if done.is_ok() { step.forget() } else { step.take_back() }
        }
        done
    }

    /// The folder and those of the tables in it.
    fn sync_folders(&self) {
        let mut folders: Vec<&Path> = self.place.iter().filter_map(|file| file.path().parent()).collect();
        folders.push(self.folder);
        folders.dedup();
        folders.into_iter().for_each(sync_folder);
    }
}

/// The temporary name of an old file while the new ones are put in place.
fn backup_name(path: &Path) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(".old");
    temporary_name(Path::new(&name))
}

/// A file that has been moved away, or was not there, and may have another in its place.
struct Replaced<'a> {
    path: PathBuf,
    old: Option<PathBuf>,
    new: Option<&'a InProgressFile>,
}

fn replace<'a>(path: &Path, new: Option<&'a InProgressFile>, replaced: &mut Vec<Replaced<'a>>) -> Result<()> {
    let backup = backup_name(path);
    let old = match fs::rename(path, &backup) {
        Ok(()) => Some(backup),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("moving away", path)(error)),
    };
    replaced.push(Replaced { path: path.to_path_buf(), old, new });
    new.map_or(Ok(()), InProgressFile::place)
}

impl Replaced<'_> {
    /// The new file stays.
    fn forget(self) {
        if let Some(old) = self.old {
            // The data set is whole without; the name says what it is.
            let _ = fs::remove_file(old);
        }
    }

    /// The old file is there again, as far as the folder lets it.
    fn take_back(self) {
        if let Some(new) = self.new {
            new.take_back();
        }
        if let Some(old) = self.old {
            let _ = fs::rename(old, &self.path);
        }
    }
}

/// The record of a commit, there while it is being done and held locked by who does it. Names are relative to the
/// folder; those in both lists have an old and a new file.
#[derive(Serialize, Deserialize)]
struct Journal {
    remove: Vec<String>,
    place: Vec<String>,
}

impl Journal {
    /// Does what is left to do, whatever was done already.
    fn carry_out(&self, folder: &Path) -> Result<()> {
        // Nobody's other files are touched, whatever a record says.
        let names = |names: &[String]| -> Vec<PathBuf> {
            let names = names.iter().filter(|name| is_own(name) || is_read_as_part(name));
            names.map(|name| folder.join(name)).collect()
        };
        let (remove, place) = (names(&self.remove), names(&self.place));
        for path in remove.iter().filter(|path| !place.contains(path)) {
            remove_if_there(path).map_err(Error::io("removing", path))?;
        }
        for path in &place {
            match fs::rename(temporary_name(path), path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("renaming into place", path)(error));
                }
                _ => {}
            }
        }
        sync_folder(folder);
        for path in remove.iter().chain(&place) {
            let backup = backup_name(path);
            remove_if_there(&backup).map_err(Error::io("removing the leftover", &backup))?;
        }
        Ok(())
    }
}

/// Carries out what killed writers of `folder` had begun. Returns whether nobody is at it now for `part`, or for the
/// whole.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn finish_others(folder: &Path, part: Option<Part>) -> Result<bool> {
    for (of, path) in journals(folder)? {
        if !fs::symlink_metadata(&path).is_ok_and(|there| there.is_file()) {
            remove_if_there(&path).map_err(Error::io("removing the leftover", &path))?;
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if of.is_none() || of == part => return Ok(false),
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(Error::io("locking", &path)(error)),
        }
        if inode(fs::symlink_metadata(&path)) != inode(file.metadata()) {
            continue;
        }
        // Where it is not whole, nothing of it was begun.
        if let Ok(journal) = serde_json::from_reader::<_, Journal>(io::BufReader::new(&file)) {
            journal.carry_out(folder)?;
        }
        remove_if_there(&path).map_err(Error::io("removing the leftover", &path))?;
    }
    Ok(true)
}

/// Whether files are being put in place in `folder`, or a killed writer left them in the midst of it.
///
/// # Errors
/// [`Error::Io`] where the folder can't be read.
pub(super) fn is_torn(folder: &Path) -> Result<bool> {
    Ok(!journals(folder)?.is_empty())
}

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
    use crate::parquet_files::in_progress::Sink;
    use std::io::Write;

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

    fn one_by_one(folder: &Path, files: &[InProgressFile], remove: &[&str]) -> Result<()> {
        let remove: Vec<PathBuf> = remove.iter().map(|name| folder.join(name)).collect();
        let (place, lock) = (files.iter().collect::<Vec<_>>(), File::open(folder).unwrap());
        Commit { folder, lock: &lock, part: None, place: &place, remove: &remove }.one_by_one()
    }

    #[test]
    fn all_files_are_put_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("a"), "old").unwrap();
        fs::write(path.join("c"), "old").unwrap();
        let files = ["a", "b"].map(|name| new_file(path, name));
        one_by_one(path, &files, &["c", "gone"]).unwrap();
        drop(files);
        assert_eq!(contents(path), pairs(&[("a", "new"), ("b", "new")]));
    }

    /// The third file can't be put in place: a folder with something in it stands where the old one would go.
    #[test]
    fn a_step_that_fails_takes_back_those_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in ["a", "c", "d"] {
            fs::write(path.join(name), "old").unwrap();
        }
        fs::create_dir_all(path.join("c.old.inprogress/full")).unwrap();
        let before = contents(path);
        let files = ["a", "b", "c"].map(|name| new_file(path, name));
        let error = one_by_one(path, &files, &["a", "d"]).unwrap_err();
        assert!(error.to_string().contains("moving away"), "{error}");
        drop(files);
        assert_eq!(contents(path), before);
    }

    #[test]
    fn a_record_is_carried_out_from_any_step_on() {
        let (old, new, gone) = ("customers.parquet", "billing.parquet", "support.parquet");
        let expected = pairs(&[(new, "new"), (old, "new"), ("precious", "old")]);
        let steps: [fn(&Path); 6] = [
            |_| {},
            |path| fs::rename(path.join("support.parquet"), backup_name(&path.join("support.parquet"))).unwrap(),
            |path| fs::rename(path.join("customers.parquet"), backup_name(&path.join("customers.parquet"))).unwrap(),
            |path| fs::rename(path.join("customers.parquet.inprogress"), path.join("customers.parquet")).unwrap(),
            |path| fs::rename(path.join("billing.parquet.inprogress"), path.join("billing.parquet")).unwrap(),
            |path| fs::remove_file(backup_name(&path.join("support.parquet"))).unwrap(),
        ];
        for done in 1..=steps.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path();
            for name in [old, gone, "precious"] {
                fs::write(path.join(name), "old").unwrap();
            }
            for name in [old, new] {
                fs::write(temporary_name(&path.join(name)), "new").unwrap();
            }
            let journal = Journal {
                remove: vec![gone.into(), "precious".into(), "../precious".into()],
                place: vec![old.into(), new.into()],
            };
            fs::write(path.join("commit.inprogress"), serde_json::to_vec(&journal).unwrap()).unwrap();
            steps[..done].iter().for_each(|step| step(path));
            assert!(is_torn(path).unwrap());
            assert!(finish_others(path, None).unwrap());
            assert_eq!(contents(path), expected, "{done} steps");
        }
        // Half a record was never begun.
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(old), "old").unwrap();
        fs::write(folder.path().join("commit.inprogress"), "{\"remove\":[\"customers.parquet\"]").unwrap();
        assert!(finish_others(folder.path(), None).unwrap());
        assert_eq!(contents(folder.path()), pairs(&[(old, "old")]));
    }
}
