//! A folder of tables that is replaced whole or not at all.
//!
//! Files are written as `NAME.inprogress` beside their final names. When all are whole, and on the disk, they take the
//! place of the old ones together. Whatever ends the work before that leaves the old files alone; unless it is a kill,
//! after which the next run does so, it deletes the new ones.
//!
//! A part of a data set is such a set of files of its own, with a manifest of its own, beside those of the other
//! parts; the parts may be written at the same time, by programs that don't know of each other.

use super::commit::{Commit, finish_others};
use super::cover;
use super::in_progress::{EmptyFolders, InProgressFile, final_name, inode, is_held, remove_leftover, write_synced};
use super::layout::{manifest_file, part_of_manifest, part_of_table, table_file};
use super::manifest::{Manifest, TableEntry};
use super::write::{TableFile, WriteOptions, write_tables};
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::scan::Part;
use crate::tables::{Identity, Table};
use std::fs::{File, TryLockError};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// A folder, checked for what is to be written into it and held against other writers until dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The manifest to be; its tables are those of the old one that stay.
    manifest: Manifest,
    manifest_file: InProgressFile,
    /// Files that are to go: of tables of another data set, or of another split.
    stale: Vec<PathBuf>,
    /// Dropped after all files, which a failure takes out of the folders first; a table's folder before its parent.
    _created: Vec<EmptyFolders>,
    /// The folder itself: held locked, which keeps a second writer out. Writers of parts share it, and each holds its
    /// manifest.
    lock: File,
}

impl Folder {
    /// Makes the folder if need be, and checks that `tables` may be written there: what `manifest` says, whose own
    /// tables are none yet. Leftovers of killed runs are removed.
    ///
    /// # Errors
    /// [`Error::Misuse`] where files would be replaced that no manifest of saasgen lists, or tables of another data
    /// set, or of another split, left beside the new ones, unless `overwrite`; where another saasgen is writing the
    /// same, or the folder is the working directory and gone. [`Error::Io`].
    pub fn prepare(path: &Path, manifest: Manifest, tables: &[Table], overwrite: bool) -> Result<Self> {
        let part = manifest.part;
        let busy = || {
            let what = part.map_or_else(String::new, |part| format!("{part} "));
            Error::Misuse(format!(
                "another saasgen is writing {what}to {}: wait for it, or choose another --out",
                path.display()
            ))
        };
        let (mut created, lock) = loop {
            let created = vec![EmptyFolders::create(path)?];
            let lock = locked(path, part.is_some())?.ok_or_else(busy)?;
            // Whoever was refused here may have taken away the folder that it had made.
            if inode(lock.metadata()) == inode(path.metadata()) {
                break (created, lock);
            }
        };
        // Begun in the cover of another, the program finds it free when it is gone.
        if path.canonicalize().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Err(Error::Misuse(format!(
                "{} was removed or replaced since this program began in it, as another saasgen does that writes it: change \
                 to it again, or choose another --out",
                path.display()
            )));
        }
        cover::clear(path);
        if !finish_others(path, part)? {
            return Err(busy());
        }
        let manifest_file = InProgressFile::hold(path.join(manifest_file(part)))?.ok_or_else(busy)?;
        let mut folder =
            Self { path: path.to_path_buf(), manifest, manifest_file, stale: Vec::new(), _created: Vec::new(), lock };
        for &table in Table::ALL.iter() {
            remove_leftover(&folder.file(table))?;
        }
        if part.is_none() {
            // None of those who left them writes now.
            for path in parts_in_progress(path)? {
                remove_leftover(&path.with_extension(""))?;
            }
        }
        // Said before others are looked at, so that of two who don't belong together one at least sees the other.
        folder.manifest_file.rewrite(folder.manifest.to_json()?.as_bytes())?;
        folder.check_writers()?;
        let old = Manifest::read_all(path)?;
        folder.check_replaced(&old, tables, overwrite)?;
        for manifest in &old {
            folder.take_over(manifest, tables, overwrite)?;
        }
        for &table in tables {
            folder.check_other_form(table, overwrite)?;
        }
        if part.is_some() {
            for &table in tables {
                created.insert(0, EmptyFolders::create(&path.join(table.name()))?);
            }
        }
        folder._created = created;
        Ok(folder)
    }

    /// Writes the tables, then puts them and the new manifest in the place of the old ones.
    ///
    /// # Errors
    /// Where a source failed, the disk did, or `options.stop` was set: the folder is then as it was.
    pub fn write(mut self, sources: &[&dyn TableSource], options: WriteOptions<'_>) -> Result<Manifest> {
        let mut files = Vec::with_capacity(sources.len());
        for source in sources {
            files.push(InProgressFile::create(self.file(source.table()))?);
        }
        let hashes = write_synced(&files, |sinks| {
            let tables = sources.iter().zip(sinks).map(|(&source, sink)| TableFile {
                source,
                metadata: file_metadata(&self.manifest.identity, source.table()),
                sink: BufWriter::with_capacity(1 << 20, sink),
            });
            write_tables(tables.collect(), options)
        })?;

        let mut entries = std::mem::take(&mut self.manifest.tables);
        for ((source, file), hash) in sources.iter().zip(&files).zip(hashes) {
            let table = source.table();
            let (bytes, content_hash) = (file.len()?, hash.to_string());
            let entry =
                TableEntry { file: table_file(table, self.manifest.part), rows: hash.rows(), bytes, content_hash };
            entries.insert(table.name().to_string(), entry);
        }
        entries.sort_by_cached_key(|name, _| Table::ALL.iter().position(|table| table.name() == name));
        self.manifest.tables = entries;
        self.manifest_file.rewrite(self.manifest.to_json()?.as_bytes())?;
        self.manifest_file.sync()?;
        let place: Vec<&InProgressFile> = files.iter().chain([&self.manifest_file]).collect();
        let (mut remove, stale) = (vec![self.manifest_file.path().to_path_buf()], &self.stale);
        let is_manifest = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "json");
        remove.extend(stale.iter().filter(is_manifest).cloned());
        remove.extend(stale.iter().filter(|path| !is_manifest(path)).cloned());
        let part = self.manifest.part;
        Commit { folder: &self.path, lock: &self.lock, part, place: &place, remove: &remove }.run()?;
        for folder in self.stale.iter().filter_map(|file| file.parent()).filter(|folder| *folder != self.path) {
            // Of another split, and empty now; refused where anything is in it.
            let _ = std::fs::remove_dir(folder);
        }
        Ok(self.manifest)
    }

    fn file(&self, table: Table) -> PathBuf {
        self.path.join(table_file(table, self.manifest.part))
    }

    /// Refuses to write beside those who write parts of another data set, or of another split.
    fn check_writers(&self) -> Result<()> {
        for path in parts_in_progress(&self.path)? {
            let other = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Manifest>(&text).ok());
            let Some(other) = other.filter(|other| other.part != self.manifest.part) else { continue };
            if !other.is_of_split(&self.manifest) && is_held(&path) {
                return Err(Error::Misuse(format!(
                    "another saasgen is writing to {} a part of another {}: wait for it, or choose another --out",
                    self.path.display(),
                    if other.is_of(&self.manifest) { "split" } else { "data set" }
                )));
            }
        }
        Ok(())
    }

    /// Refuses files that would be replaced though no manifest lists them.
    fn check_replaced(&self, old: &[Manifest], tables: &[Table], overwrite: bool) -> Result<()> {
        let part = self.manifest.part;
        let own_manifest = manifest_file(part);
        let own_is_there = old.iter().any(|manifest| manifest.part == part);
        let names = tables.iter().map(|&table| table_file(table, part)).chain([own_manifest.clone()]);
        for name in names {
            let path = self.path.join(&name);
            let Ok(there) = path.symlink_metadata() else { continue };
            if there.is_dir() {
                return Err(is_folder(&path));
            }
            let ours = old.iter().any(|old| old.lists(&name)) || (name == own_manifest && own_is_there);
            if !ours && !overwrite {
                return Err(is_unlisted(&path));
            }
        }
        Ok(())
    }

    /// Sorts what an old manifest lists into what stays and what goes.
    fn take_over(&mut self, old: &Manifest, tables: &[Table], overwrite: bool) -> Result<()> {
        let own = old.part == self.manifest.part;
        let is_same = old.is_of_split(&self.manifest);
        if is_same && !own {
            return Ok(());
        }
        // Names that are no table's are left alone: only what this program writes may go.
        for table in Table::ALL.into_iter().filter(|table| !own || !tables.contains(table)) {
            let Some(entry) = old.tables.get(table.name()) else { continue };
            let file = self.path.join(table_file(table, old.part));
            if !file.metadata().is_ok_and(|there| there.len() == entry.bytes) {
                continue;
            }
            if is_same {
                self.manifest.tables.insert(table.name().to_string(), entry.clone());
            } else if overwrite {
                self.stale.push(file);
            } else {
                let (folder, file) = (self.path.display(), table_file(table, old.part));
                return Err(Error::Misuse(if old.is_of(&self.manifest) {
                    format!(
                        "{folder} holds another split of the data set, whose {file} would be left beside the new \
                         tables: choose another --out, or remove it with --overwrite"
                    )
                } else {
                    format!(
                        "{folder} holds another data set, whose {file} would be left beside the new tables: choose \
                         another --out, write {} too (--tables), or remove it with --overwrite",
                        table.name()
                    )
                }));
            }
        }
        if !own {
            self.stale.push(self.path.join(manifest_file(old.part)));
        }
        Ok(())
    }

    /// A table is one file, or a folder of its parts: refuses one beside the other, and strangers among the parts.
    fn check_other_form(&mut self, table: Table, overwrite: bool) -> Result<()> {
        let (file, folder) = (self.path.join(table_file(table, None)), self.path.join(table.name()));
        if self.manifest.part.is_some() && file.symlink_metadata().is_ok() && !self.stale.contains(&file) {
            if file.is_dir() {
                return Err(is_folder(&file));
            }
            if !overwrite {
                return Err(is_unlisted(&file));
            }
            self.stale.push(file);
        }
        let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
        for entry in entries {
            let path = entry.map_err(Error::io("reading", &folder))?.path();
            // A part of the same split may come to its place before its manifest does.
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_sibling = |part: Part| self.manifest.part.is_some_and(|own| own.parts() == part.parts());
            if self.stale.contains(&path) || part_of_table(name).is_some_and(is_sibling) {
                continue;
            }
            match self.manifest.part {
                None if final_name(&path).is_some_and(|name| part_of_table(name).is_some()) => self.stale.push(path),
                None if overwrite && part_of_table(name).is_some() => self.stale.push(path),
                None => return Err(is_folder(&folder)),
                Some(_) if !name.ends_with(".parquet") => {}
                Some(_) if overwrite && path.is_file() => self.stale.push(path),
                Some(_) => return Err(is_unlisted(&path)),
            }
        }
        Ok(())
    }
}

fn is_folder(path: &Path) -> Error {
    Error::Misuse(format!("{} is a folder: move it away, or choose another --out", path.display()))
}

fn is_unlisted(path: &Path) -> Error {
    Error::Misuse(format!(
        "{} is there and no manifest of saasgen lists it: choose another --out, or replace it with --overwrite",
        path.display()
    ))
}

/// The manifests of parts that are being written in `folder`, or were left there by killed writers.
fn parts_in_progress(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let paths = entries.map_err(Error::io("reading", folder))?.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| final_name(path).is_some_and(|name| part_of_manifest(name).is_some())).collect())
}

/// Holds `folder` against other writers, or shares it with those of other parts; `None` where another holds it. The
/// folder and not a file in it: files are renamed and removed.
fn locked(folder: &Path, shared: bool) -> Result<Option<File>> {
    let lock = File::open(folder).map_err(Error::io("opening the folder", folder))?;
    match if shared { lock.try_lock_shared() } else { lock.try_lock() } {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io("locking the folder", folder)(error)),
    }
}

/// The key-value metadata of a table's file.
fn file_metadata(identity: &Identity, table: Table) -> Vec<(String, String)> {
    [
        ("saasgen.table", table.name().to_string()),
        ("saasgen.version", identity.version.clone()),
        ("saasgen.model", identity.model.clone()),
        ("saasgen.fingerprint", identity.fingerprint.clone()),
        ("saasgen.seed", identity.seed.to_string()),
        ("saasgen.customers", identity.customers.to_string()),
    ]
    .map(|(key, value)| (key.to_string(), value))
    .into()
}
