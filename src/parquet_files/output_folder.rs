//! The folder that tables are written into. Its files change all together or not at all.
//!
//! New files are written under staged names, `NAME.inprogress`, beside the old ones. When all of them are complete and
//! on the disk, a commit replaces the old files. If the run fails before that, the old files stay and the new ones are
//! deleted. If it is killed, the next run deletes them.
//!
//! A part of a data set has its own files and its own manifest. Several programs may write different parts at the same
//! time.

use super::commit::{
    CreatedFolders, FolderUpdate, StagedFile, commit, file_id, final_name, is_locked, recover, remove_leftover,
    remove_leftover_sibling, sync_while_writing,
};
use super::file_names::{is_output_file, manifest_file, part_of_manifest, part_of_table_file, table_file};
use super::file_properties::key_value_metadata;
use super::manifest::{Manifest, TableEntry};
use super::read::ParquetFile;
use super::write::{TableFile, TableOutput, WriteOptions, write_tables};
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::models::{Table, table_names, tables_of};
use crate::plain_file;
use crate::scan::Part;
use indexmap::IndexMap;
use std::fs::{File, TryLockError};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// A folder that is locked against other writers and checked for conflicts with the tables to write.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    /// The new manifest. Before [`Self::write`], it lists the tables of the old manifest that stay.
    manifest: Manifest,
    manifest_file: StagedFile,
    /// The tables that the new files must agree with, and the manifest that lists them.
    like: Option<(PathBuf, IndexMap<String, TableEntry>)>,
    /// Files of another data set or another split, which the commit removes.
    removed: Vec<PathBuf>,
    /// Declared after the staged files because it must be dropped after them. The folder of a table comes before its
    /// parent.
    _created: Vec<CreatedFolders>,
    /// The open folder. Its lock is exclusive for a whole data set and shared for a part. Writers of parts also lock
    /// their manifests.
    lock: File,
}

impl OutputFolder {
    /// Creates the folder if it is missing, locks it, removes the leftovers of killed runs, and checks that `tables`
    /// may be written into it. `manifest` describes the new data set; its list of tables is empty.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`]
    /// - if another saasgen is writing to the folder, except for another part of the same split;
    /// - if the folder is the working directory and has been removed or replaced;
    /// - without `overwrite`, if a file would be replaced that no saasgen manifest lists with its size, or if the folder
    ///   holds another data set or split;
    /// - if a file of another writer is in the folder of a table or has the name of one, and no new file replaces it;
    /// - if a folder, a pipe, a socket or a device has the name of a file to write or to read, or a file the name of a
    ///   folder.
    ///
    /// Returns [`Error::Io`] if the folder can't be created, locked, read or cleaned up.
    pub fn prepare(path: &Path, manifest: Manifest, tables: &[Table], overwrite: bool) -> Result<Self> {
        Self::prepare_checked(path, manifest, tables, overwrite).map_err(|error| match error {
            Error::Io { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                let message = "its file system is read-only: choose another --out, or make the file system writable";
                Error::io("writing to", path)(io::Error::new(source.kind(), message))
            }
            other => other,
        })
    }

    fn prepare_checked(path: &Path, manifest: Manifest, tables: &[Table], overwrite: bool) -> Result<Self> {
        let part = manifest.part;
        let busy = || is_busy(path, part);
        let (created, lock) = create_and_lock(path, part)?;
        // If the program was started while another one had swapped the folder, its working directory may be gone.
        if path.canonicalize().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Err(Error::Misuse(format!(
                "{} was removed or replaced after this program started in it, maybe by another saasgen: change to the \
                 directory again, or choose another --out",
                path.display()
            )));
        }
        remove_leftover_sibling(path);
        if !recover(path, part)? {
            return Err(busy());
        }
        let manifest_file = StagedFile::lock(path.join(manifest_file(part)))?.ok_or_else(busy)?;
        let mut folder = Self {
            path: path.to_path_buf(),
            manifest,
            manifest_file,
            like: None,
            removed: Vec::new(),
            _created: Vec::new(),
            lock,
        };
        folder.remove_leftovers()?;
        // Published before other writers are looked for: if two conflicting writers start at once, one sees the other.
        folder.manifest_file.rewrite(folder.manifest.to_json()?.as_bytes())?;
        folder.check_other_writers()?;
        let old = Manifest::read_all(path)?;
        folder.check_replaced_files(&old, tables, overwrite)?;
        for manifest in &old {
            folder.keep_or_remove_tables(manifest, tables, overwrite)?;
        }
        for &table in tables {
            folder.check_other_form(table, overwrite)?;
        }
        if part.is_some() {
            for &table in tables {
                folder._created.push(CreatedFolders::create(&path.join(table.name()))?);
            }
        }
        folder._created.push(created);
        Ok(folder)
    }

    /// Requires the values that the manifest at `path` states for `tables`. [`Self::write`] fails if there are others.
    pub fn like(self, path: PathBuf, tables: IndexMap<String, TableEntry>) -> Self {
        Self { like: Some((path, tables)), ..self }
    }

    /// Writes the tables and commits them together with the new manifest, which is returned.
    ///
    /// # Errors
    /// Returns the error of a source, [`Error::Io`] if the disk fails, or [`Error::Interrupted`] if `options.stop` is
    /// set. The folder is then as it was before.
    pub fn write<S: TableSource>(mut self, tables: &[TableOutput<S>], options: WriteOptions<'_>) -> Result<Manifest> {
        let mut files = Vec::with_capacity(tables.len());
        for table in tables {
            files.push(StagedFile::create(self.file(table.source.table().name()))?);
        }
        let hashes = sync_while_writing(&files, |sinks| {
            let tables = tables.iter().zip(sinks).map(|(TableOutput { source, format }, sink)| TableFile {
                source,
                compression: format.compression,
                metadata: key_value_metadata(&self.manifest.identity, source.table()),
                sink: BufWriter::with_capacity(1 << 20, sink),
            });
            write_tables(tables.collect(), options)
        })?;

        let mut entries = std::mem::take(&mut self.manifest.tables);
        for ((TableOutput { source, format }, file), hash) in tables.iter().zip(&files).zip(hashes) {
            let table = source.table();
            let entry = TableEntry {
                file: table_file(table.name(), self.manifest.part),
                rows: hash.rows(),
                bytes: file.len()?,
                content_hash: hash.to_string(),
                format: format.clone(),
            };
            self.check_like(table, &entry)?;
            entries.insert(table.name().to_string(), entry);
        }
        let order = tables_of(&self.manifest.identity.base)?;
        entries.sort_by_cached_key(|name, _| order.iter().position(|table| table.name() == name));
        self.manifest.tables = entries;
        self.manifest_file.rewrite(self.manifest.to_json()?.as_bytes())?;
        self.manifest_file.sync()?;
        self.commit(&files)?;
        Ok(self.manifest)
    }

    /// Returns an error if a manifest states other values for `table` than the new file has.
    fn check_like(&self, table: Table, new: &TableEntry) -> Result<()> {
        let stated = self.like.as_ref().and_then(|(path, tables)| Some((path, tables.get(table.name())?)));
        let Some((path, stated)) = stated else { return Ok(()) };
        let values = |entry: &TableEntry| format!("{} rows with the content hash {}", entry.rows, entry.content_hash);
        let (name, stated, new) = (table.name(), values(stated), values(new));
        if stated == new {
            return Ok(());
        }
        let message = format!(
            "{name} has {stated}, but its model, seed and size give {new}: the manifest was changed. Nothing was written"
        );
        Err(Error::invalid(path, message))
    }

    /// Replaces the old files by `files` and the new manifest.
    fn commit(&self, files: &[StagedFile]) -> Result<()> {
        let new_files: Vec<&StagedFile> = files.iter().chain([&self.manifest_file]).collect();
        let is_manifest = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let mut removed = vec![self.manifest_file.path().to_path_buf()];
        removed.extend(self.removed.iter().filter(is_manifest).cloned());
        removed.extend(self.removed.iter().filter(|path| !is_manifest(path)).cloned());
        let part = self.manifest.part;
        commit(&FolderUpdate { folder: &self.path, lock: &self.lock, part, new_files: &new_files, removed: &removed })?;
        for folder in self.removed.iter().filter_map(|file| file.parent()).filter(|folder| *folder != self.path) {
            // A folder of the old split. This fails if it has other files.
            let _ = std::fs::remove_dir(folder);
        }
        Ok(())
    }

    fn file(&self, table: &str) -> PathBuf {
        self.path.join(table_file(table, self.manifest.part))
    }

    /// Removes staged files of killed runs.
    fn remove_leftovers(&self) -> Result<()> {
        for name in table_names() {
            remove_leftover(&self.file(name))?;
        }
        if self.manifest.part.is_none() {
            // The lock is exclusive, so nobody is writing these.
            for path in staged_part_manifests(&self.path)? {
                remove_leftover(&path.with_extension(""))?;
            }
        }
        Ok(())
    }

    /// Returns an error if another program is writing a part of another data set or another split.
    fn check_other_writers(&self) -> Result<()> {
        for path in staged_part_manifests(&self.path)? {
            let other = plain_file::open(&path)
                .ok()
                .and_then(|file| serde_json::from_reader::<_, Manifest>(io::BufReader::new(file)).ok());
            let Some(other) = other.filter(|other| other.part != self.manifest.part) else { continue };
            if !other.is_same_split(&self.manifest) && is_locked(&path) {
                return Err(Error::Misuse(format!(
                    "another saasgen is writing to {} a part of another {}: wait for it, or choose another --out",
                    self.path.display(),
                    if other.is_same_data_set(&self.manifest) { "split" } else { "data set" }
                )));
            }
        }
        Ok(())
    }

    /// Returns an error if a file would be replaced that no manifest lists.
    fn check_replaced_files(&self, old: &[Manifest], tables: &[Table], overwrite: bool) -> Result<()> {
        let part = self.manifest.part;
        let own_manifest = manifest_file(part);
        let has_own_manifest = old.iter().any(|manifest| manifest.part == part);
        let names = tables.iter().map(|table| table_file(table.name(), part)).chain([own_manifest.clone()]);
        for name in names {
            let path = self.path.join(&name);
            if path.symlink_metadata().is_err() {
                continue;
            }
            check_replaceable(&path)?;
            let bytes = path.metadata().map_or(0, |metadata| metadata.len());
            let is_listed = old.iter().any(|old| old.lists(&name, bytes)) || (name == own_manifest && has_own_manifest);
            if !is_listed && !overwrite {
                return Err(is_unlisted(&path, REPLACE));
            }
        }
        Ok(())
    }

    /// Decides for each table of an old manifest that is not written now whether it stays or is removed.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if the manifest has files of another data set or split, without `overwrite`.
    fn keep_or_remove_tables(&mut self, old: &Manifest, tables: &[Table], overwrite: bool) -> Result<()> {
        let is_own_part = old.part == self.manifest.part;
        let is_same_split = old.is_same_split(&self.manifest);
        if is_same_split && !is_own_part {
            return Ok(());
        }
        // Other names in the manifest are ignored: only files that this program writes may be removed.
        for name in table_names() {
            let Some(entry) = old.tables.get(name) else { continue };
            let file = self.path.join(table_file(name, old.part));
            let Ok(metadata) = file.metadata() else { continue };
            if !is_same_split && !overwrite {
                return Err(self.holds_another(old));
            }
            let is_replaced = is_own_part && tables.iter().any(|table| table.name() == name);
            match (is_replaced || metadata.len() != entry.bytes, is_same_split) {
                (true, _) => {}
                (false, true) => drop(self.manifest.tables.insert(name.to_string(), entry.clone())),
                (false, false) => self.removed.push(file),
            }
        }
        if !is_own_part {
            self.removed.push(self.path.join(manifest_file(old.part)));
        }
        Ok(())
    }

    /// The error for a folder that holds another data set or split. It names `--out` first: a user who loads days or parts
    /// one after the other must not remove each with the next.
    fn holds_another(&self, old: &Manifest) -> Error {
        let (there, new) = old.differing_descriptions(&self.manifest);
        Error::Misuse(format!(
            "{} holds another data set: {there}; this run would replace all of it with: {new}; choose another --out to \
             keep both, or remove the old data set with --overwrite",
            self.path.display(),
        ))
    }

    /// A table is either one file or a folder of parts. Checks that the two forms don't meet, and that the folder of
    /// parts has no files of other writers.
    fn check_other_form(&mut self, table: Table, overwrite: bool) -> Result<()> {
        let (file, folder) = (self.path.join(table_file(table.name(), None)), self.path.join(table.name()));
        if self.manifest.part.is_some() && file.symlink_metadata().is_ok() && !self.removed.contains(&file) {
            check_replaceable(&file)?;
            self.remove_unlisted(file, overwrite)?;
        }
        let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
        for entry in entries {
            let path = entry.map_err(Error::io("reading", &folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // A part of the same split may get its final name before its manifest does.
            let is_same_split = |part: Part| self.manifest.part.is_some_and(|own| own.parts() == part.parts());
            if self.removed.contains(&path) || part_of_table_file(name).is_some_and(is_same_split) {
                continue;
            }
            match self.manifest.part {
                None if final_name(&path).is_some_and(|name| part_of_table_file(name).is_some()) => {
                    self.removed.push(path);
                }
                None if !name.ends_with(".parquet") => return Err(is_folder(&folder)),
                Some(_) if !name.ends_with(".parquet") => {}
                _ => self.remove_unlisted(path, overwrite)?,
            }
        }
        Ok(())
    }

    /// Lets the commit remove the file at `path`, which no manifest lists. Returns an error without `overwrite`, or if
    /// saasgen did not write the file under this name: `overwrite` asks only for the removal of old data sets.
    fn remove_unlisted(&mut self, path: PathBuf, overwrite: bool) -> Result<()> {
        let name = path.strip_prefix(&self.path).ok().and_then(Path::to_str);
        let is_own = name.is_some_and(is_output_file) && ParquetFile::open(&path).is_ok_and(|file| file.is_own());
        if is_own && overwrite {
            self.removed.push(path);
            return Ok(());
        }
        Err(is_unlisted(&path, if is_own { REPLACE } else { "move it away" }))
    }
}

fn is_busy(folder: &Path, part: Option<Part>) -> Error {
    let what = part.map_or_else(String::new, |part| format!("{part} "));
    Error::Misuse(format!(
        "another saasgen is writing {what}to {}: wait for it, or choose another --out",
        folder.display()
    ))
}

/// Returns an error if `path` is a folder, a pipe, a socket or a device. A link is replaced, not followed.
fn check_replaceable(path: &Path) -> Result<()> {
    let kind = path.symlink_metadata().map_err(Error::io("reading", path))?.file_type();
    if kind.is_file() || kind.is_symlink() {
        return Ok(());
    }
    let kind = plain_file::name_of(kind);
    Err(Error::Misuse(format!("{} is {kind}: move it away, or choose another --out", path.display())))
}

fn is_folder(path: &Path) -> Error {
    Error::Misuse(format!("{} is a folder: move it away, or choose another --out", path.display()))
}

/// The advice about a file that `--overwrite` replaces or removes.
const REPLACE: &str = "replace it with --overwrite";

/// The error for a file that no manifest lists, or that was rewritten after its manifest.
fn is_unlisted(path: &Path, advice: &str) -> Error {
    Error::Misuse(format!(
        "{} exists and no saasgen manifest lists it as it is: choose another --out, or {advice}",
        path.display()
    ))
}

/// Returns the staged manifests of parts in `folder`, of running writers and of killed ones.
fn staged_part_manifests(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let paths = entries.map_err(Error::io("reading", folder))?.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| final_name(path).is_some_and(|name| part_of_manifest(name).is_some())).collect())
}

/// Creates the folder at `path` if it is missing, and locks it.
fn create_and_lock(path: &Path, part: Option<Part>) -> Result<(CreatedFolders, File)> {
    loop {
        let created = CreatedFolders::create(path)?;
        let lock = lock_folder(path, part.is_some())?.ok_or_else(|| is_busy(path, part))?;
        // Another writer that failed may have removed the folder before it was locked.
        if file_id(lock.metadata()) == file_id(path.metadata()) {
            return Ok((created, lock));
        }
    }
}

/// Locks `folder` exclusively or `shared`. Returns `None` if another program has the lock. The lock is on the folder
/// itself because the files in it are renamed and removed.
fn lock_folder(folder: &Path, shared: bool) -> Result<Option<File>> {
    let lock = File::open(folder).map_err(Error::io("opening the folder", folder))?;
    match if shared { lock.try_lock_shared() } else { lock.try_lock() } {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io("locking the folder", folder)(error)),
    }
}
