//! A folder of tables that is replaced whole or not at all.
//!
//! Files are written as `NAME.inprogress` beside their final names. When all are whole they are renamed, the manifest
//! last. Whatever ends the work before that leaves the old files alone and deletes the new ones.

use super::manifest::{MANIFEST_FILE, Manifest, ScanRange, TableEntry};
use super::write::{TableFile, TableSource, WriteOptions, write_tables};
use crate::error::{Error, Result};
use crate::tables::{Identity, Table};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Added to a final name while the file is being written.
const IN_PROGRESS: &str = ".inprogress";

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
    /// The manifest to be: held locked, which keeps a second writer out.
    manifest: InProgressFile,
    /// Dropped after all files, which a failure takes out of the folder first.
    _created: Option<EmptyFolder>,
}

/// A folder that was not there before; goes again when dropped, if nothing is in it then.
#[derive(Debug)]
struct EmptyFolder(PathBuf);

impl EmptyFolder {
    /// `None` where the folder is there already.
    fn create(path: &Path) -> Result<Option<Self>> {
        if path.is_dir() {
            return Ok(None);
        }
        fs::create_dir_all(path).map_err(Error::io("creating the folder", path))?;
        Ok(Some(Self(path.to_path_buf())))
    }
}

impl Drop for EmptyFolder {
    fn drop(&mut self) {
        // Refused where files are in it, as they should be.
        let _ = fs::remove_dir(&self.0);
    }
}

impl Folder {
    /// Makes the folder if need be, and checks that `tables` may be written there: the part `scan` of the data
    /// set `identity`.
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
        let created = EmptyFolder::create(path)?;
        let manifest = InProgressFile::open(path.join(MANIFEST_FILE))?;
        match manifest.file.try_lock() {
            Ok(()) => manifest.empty()?,
            Err(TryLockError::WouldBlock) => {
                manifest.leave();
                return Err(Error::Misuse(format!(
                    "another saasgen is writing to {}: wait for it, or choose another --out",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("locking", &manifest.temporary)(error)),
        }
        let old = Manifest::read(path)?;
        check_replaced(path, old.as_ref(), tables, overwrite)?;

        let (mut kept, mut stale) = (Vec::new(), Vec::new());
        if let Some(old) = old {
            let is_same = old.identity == identity && old.scan == scan;
            // Names that are no table's are left alone: only what this program writes may go.
            let others = Table::ALL.into_iter().filter(|table| !tables.contains(table));
            for (table, entry) in others.filter_map(|table| Some((table, old.tables.get(table.name())?))) {
                if is_same {
                    kept.push((table, entry.clone()));
                } else if overwrite {
                    stale.push(path.join(file_name(table)));
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
        Ok(Self { path: path.to_path_buf(), identity, scan, kept, stale, manifest, _created: created })
    }

    /// Writes the tables, then puts them and the new manifest in the place of the old ones.
    ///
    /// # Errors
    /// Where a source failed, the disk did, or `options.stop` was set: the folder is then as it was.
    pub fn write(mut self, sources: &[&dyn TableSource], options: WriteOptions<'_>) -> Result<Manifest> {
        let mut files = Vec::with_capacity(sources.len());
        for source in sources {
            let file = InProgressFile::open(self.path.join(file_name(source.table())))?;
            file.empty()?;
            files.push(file);
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
        Sink::of(&self.manifest).write_all(manifest.to_json()?.as_bytes()).map_err(unwrap_sink_error)?;
        self.commit(files)?;
        Ok(manifest)
    }

    fn commit(self, files: Vec<InProgressFile>) -> Result<()> {
        for file in files {
            file.commit()?;
        }
        self.manifest.commit()?;
        for path in &self.stale {
            fs::remove_file(path).map_err(Error::io("removing", path))?;
        }
        Ok(())
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

/// A file under its temporary name, deleted when dropped unless committed.
#[derive(Debug)]
struct InProgressFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    is_done: bool,
}

impl InProgressFile {
    /// Opens the temporary file with whatever an earlier run may have left in it: it may be in another's hands.
    fn open(path: PathBuf) -> Result<Self> {
        let mut temporary = path.clone().into_os_string();
        temporary.push(IN_PROGRESS);
        let temporary = PathBuf::from(temporary);
        let file = File::options().write(true).create(true).truncate(false).open(&temporary);
        let file = file.map_err(Error::io("creating", &temporary))?;
        Ok(Self { file, temporary, path, is_done: false })
    }

    fn empty(&self) -> Result<()> {
        self.file.set_len(0).map_err(Error::io("emptying", &self.temporary))
    }

    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(Error::io("looking at", &self.temporary))?.len())
    }

    /// Leaves the temporary file to whoever else has it.
    fn leave(mut self) {
        self.is_done = true;
    }

    fn commit(mut self) -> Result<()> {
        fs::rename(&self.temporary, &self.path).map_err(Error::io("renaming into place", &self.path))?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for InProgressFile {
    fn drop(&mut self) {
        if !self.is_done {
            // Nothing is left to tell a failure to, and the next run writes over it.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Writes to a file; its errors carry what was being done to which path through Parquet's.
struct Sink<'a> {
    file: &'a File,
    path: &'a Path,
}

impl<'a> Sink<'a> {
    fn of(file: &'a InProgressFile) -> Self {
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

/// The error that a [`Sink`] put into an I/O error.
pub(super) fn unwrap_sink_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::io("writing", "a Parquet file")(error),
    }
}
