//! A folder of tables that is replaced whole or not at all.
//!
//! Files are written as `NAME.inprogress` beside their final names. When all are whole they are renamed, the manifest
//! last. Whatever ends the work before that leaves the old files alone and deletes the new ones.

use super::in_progress::{EmptyFolders, InProgressFile, Sink, commit, remove_leftover, unwrap_sink_error};
use super::manifest::{MANIFEST_FILE, Manifest, ScanRange, TableEntry};
use super::write::{TableFile, WriteOptions, write_tables};
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::tables::{Identity, Table};
use std::fs::{File, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A folder, checked for what is to be written into it and held against other writers until dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    identity: Identity,
    scan: ScanRange,
    /// Entries of the old manifest that stay: other tables of the same data set.
    kept: Vec<(Table, TableEntry)>,
    /// Files of the old manifest that are to go: tables of another data set.
    stale: Vec<PathBuf>,
    /// Dropped after all files, which a failure takes out of the folder first.
    _created: EmptyFolders,
    /// The folder itself: held locked, which keeps a second writer out.
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be, and checks that `tables` may be written there: the part `scan` of the data
    /// set `identity`. Leftovers of killed runs are removed.
    ///
    /// # Errors
    /// [`Error::Misuse`] where files would be replaced that no manifest of saasgen lists, or tables of another data
    /// set left beside the new ones, unless `overwrite`; where another saasgen is writing there. [`Error::Io`].
    pub fn prepare(
        path: &Path,
        identity: Identity,
        scan: ScanRange,
        tables: &[Table],
        overwrite: bool,
    ) -> Result<Self> {
        let created = EmptyFolders::create(path)?;
        let lock = locked(path)?;
        let old = Manifest::read(path)?;
        check_replaced(path, old.as_ref(), tables, overwrite)?;

        let (mut kept, mut stale) = (Vec::new(), Vec::new());
        if let Some(old) = old {
            let is_same = old.identity.gives_values_of(&identity) && old.scan == scan;
            // Names that are no table's are left alone: only what this program writes may go.
            let others = Table::ALL.into_iter().filter(|table| !tables.contains(table));
            for (table, entry) in others.filter_map(|table| Some((table, old.tables.get(table.name())?))) {
                let file = path.join(file_name(table));
                if !file.metadata().is_ok_and(|there| there.len() == entry.bytes) {
                    continue;
                }
                if is_same {
                    kept.push((table, entry.clone()));
                } else if overwrite {
                    stale.push(file);
                } else {
                    return Err(Error::Misuse(format!(
                        "{} holds another data set, whose {} would be left beside the new tables: choose another \
                         --out, write {} too (--tables), or remove it with --overwrite",
                        path.display(),
                        file_name(table),
                        table.name()
                    )));
                }
            }
        }
        for name in Table::ALL.map(file_name).iter().map(String::as_str).chain([MANIFEST_FILE]) {
            remove_leftover(&path.join(name))?;
        }
        Ok(Self { path: path.to_path_buf(), identity, scan, kept, stale, _created: created, _lock: lock })
    }

    /// Writes the tables, then puts them and the new manifest in the place of the old ones.
    ///
    /// # Errors
    /// Where a source failed, the disk did, or `options.stop` was set: the folder is then as it was.
    pub fn write(mut self, sources: &[&dyn TableSource], options: WriteOptions<'_>) -> Result<Manifest> {
        let mut files = Vec::with_capacity(sources.len());
        for source in sources {
            files.push(InProgressFile::create(self.path.join(file_name(source.table())))?);
        }
        let tables = sources.iter().zip(&files).map(|(&source, file)| TableFile {
            source,
            metadata: file_metadata(&self.identity, source.table()),
            sink: BufWriter::with_capacity(1 << 20, Sink::of(file)),
        });
        let hashes = write_tables(tables.collect(), options)?;

        let mut entries = std::mem::take(&mut self.kept);
        for ((source, file), hash) in sources.iter().zip(&files).zip(hashes) {
            let table = source.table();
            let (bytes, content_hash) = (file.len()?, hash.to_string());
            entries.push((table, TableEntry { file: file_name(table), rows: hash.rows(), bytes, content_hash }));
        }
        entries.sort_by_key(|&(table, _)| table);
        let manifest = Manifest {
            identity: self.identity.clone(),
            scan: self.scan.clone(),
            tables: entries.into_iter().map(|(table, entry)| (table.name().to_string(), entry)).collect(),
        };
        let manifest_file = InProgressFile::create(self.path.join(MANIFEST_FILE))?;
        Sink::of(&manifest_file).write_all(manifest.to_json()?.as_bytes()).map_err(unwrap_sink_error)?;
        let files: Vec<&InProgressFile> = files.iter().chain([&manifest_file]).collect();
        commit(&files, &self.stale)?;
        Ok(manifest)
    }
}

/// Holds `folder` against other writers. The folder and not a file in it: files are renamed and removed.
fn locked(folder: &Path) -> Result<File> {
    let lock = File::open(folder).map_err(Error::io("opening the folder", folder))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::Misuse(format!(
            "another saasgen is writing to {}: wait for it, or choose another --out",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Error::io("locking the folder", folder)(error)),
    }
}

/// Refuses files that would be replaced though no manifest lists them.
fn check_replaced(folder: &Path, old: Option<&Manifest>, tables: &[Table], overwrite: bool) -> Result<()> {
    let names = tables.iter().map(|&table| file_name(table)).chain([MANIFEST_FILE.to_string()]);
    for name in names {
        let path = folder.join(&name);
        let Ok(there) = path.symlink_metadata() else { continue };
        if there.is_dir() {
            return Err(Error::Misuse(format!(
                "{} is a folder: move it away, or choose another --out",
                path.display()
            )));
        }
        let ours = old.is_some_and(|old| old.lists(&name) || name == MANIFEST_FILE);
        if !ours && !overwrite {
            return Err(Error::Misuse(format!(
                "{} is there and no manifest of saasgen lists it: choose another --out, or replace it with --overwrite",
                path.display()
            )));
        }
    }
    Ok(())
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

fn file_name(table: Table) -> String {
    format!("{}.parquet", table.name())
}
