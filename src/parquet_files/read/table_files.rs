//! Which files in a folder hold a table.

use crate::error::{Error, Result};
use crate::models::Table;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

const EXTENSION: &str = "parquet";

/// Returns the files of `table` in `folder`, sorted by name: `TABLE.parquet`, or all `*.parquet` files in a folder
/// `TABLE` or `TABLE.parquet`, which is how engines write them. Returns an empty list if the table is not there.
///
/// # Errors
/// Returns [`Error::Misuse`] if the table is there twice, or if its folder has no Parquet files. Returns [`Error::Io`]
/// if the folder can't be read.
pub(super) fn table_files(folder: &Path, table: Table) -> Result<Vec<PathBuf>> {
    let (name, file_name) = (folder.join(table.name()), folder.join(format!("{}.{EXTENSION}", table.name())));
    // An empty folder, or something that is no folder, is no second form of the table.
    let is_second = || Ok(name.is_dir() && !parquet_files(&name)?.is_empty());
    let paths = match (name.exists(), file_name.exists()) {
        (true, true) if is_second()? => {
            return Err(Error::Misuse(format!(
                "{} is there twice, as {} and as {}: move one of them away",
                table.name(),
                name.display(),
                file_name.display()
            )));
        }
        (true, false) => parquet_files(&name)?,
        (_, true) if file_name.is_dir() => parquet_files(&file_name)?,
        (_, true) => vec![file_name],
        (false, false) => return Ok(Vec::new()),
    };
    if paths.is_empty() {
        return Err(Error::Misuse(format!(
            "the folder of {} in {} has no *.parquet files: put the files directly into it and let their names end in \
             .parquet, because other files and folders inside it, such as partitions by a column, are not read",
            table.name(),
            folder.display()
        )));
    }
    Ok(paths)
}

/// Returns the files and folders in `folder` that look like data of `tables` but are not read: other names in the
/// folder of a table, and names beside it that begin with the table's. The paths are relative to `folder` and sorted.
///
/// Hidden files are left out unless they are Parquet files, and so are the marker files of engines, whose names begin
/// with `_`.
///
/// # Errors
/// Returns [`Error::Io`] if a folder can't be read.
pub fn skipped_files(folder: &Path, tables: &[Table]) -> Result<Vec<PathBuf>> {
    let mut skipped = Vec::new();
    for path in entries(folder)? {
        let Some(name) = path.file_name().and_then(OsStr::to_str) else { continue };
        let stem = name.split('.').next().unwrap_or_default();
        let Some(table) = tables.iter().find(|table| table.name().eq_ignore_ascii_case(stem)) else { continue };
        let is_read = name == table.name() || name.strip_prefix(table.name()) == Some(".parquet");
        match is_read {
            true if path.is_dir() => skipped.extend(entries(&path)?.into_iter().filter(|path| !is_part(path))),
            true => {}
            false => skipped.push(path),
        }
    }
    skipped.retain(|path| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let is_hidden = name.starts_with(b".") && path.extension().is_none_or(|extension| extension != EXTENSION);
        !is_hidden && !name.starts_with(b"_")
    });
    skipped.sort();
    Ok(skipped.into_iter().map(|path| path.strip_prefix(folder).map(Path::to_path_buf).unwrap_or(path)).collect())
}

fn parquet_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = entries(folder)?;
    paths.retain(|path| is_part(path));
    paths.sort();
    Ok(paths)
}

/// Returns whether a file in the folder of a table is read. Hidden files of engines, such as `.crc` files, are not.
fn is_part(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    path.extension().is_some_and(|extension| extension == EXTENSION) && !is_hidden
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    Ok(entries.map_err(Error::io("reading", folder))?.into_iter().map(|entry| entry.path()).collect())
}
