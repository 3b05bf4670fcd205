//! Opens files for reading, and refuses everything else that can have a path: a pipe without a writer, for example,
//! would block its reader for ever.

use crate::error::{Error, Result};
use std::fs::{self, File, FileType};
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Opens the plain file at `path`.
///
/// # Errors
/// Returns [`Error::Misuse`] if something else is there, and [`Error::Io`] if the file can't be opened.
pub fn open(path: &Path) -> Result<File> {
    open_if(path, FileType::is_file)
}

/// Opens the plain file at `path`, or a pipe that has no name in a folder. `<(command)` in a shell and `/dev/stdin` are
/// such pipes: their writers exist, so opening them does not block.
///
/// # Errors
/// Returns the errors of [`open`].
pub fn open_or_unnamed_pipe(path: &Path) -> Result<File> {
    open_if(path, |kind| kind.is_file() || (kind.is_fifo() && path.canonicalize().is_err()))
}

/// Reads the plain file or unnamed pipe at `path`.
///
/// # Errors
/// Returns the errors of [`open_or_unnamed_pipe`], and [`Error::Io`] if the file can't be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_or_unnamed_pipe(path)?.read_to_end(&mut bytes).map_err(Error::io("reading", path))?;
    Ok(bytes)
}

/// Reads the text in the plain file or unnamed pipe at `path`.
///
/// # Errors
/// Returns the errors of [`read`], and [`Error::Io`] if the file is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    open_or_unnamed_pipe(path)?.read_to_string(&mut text).map_err(Error::io("reading", path))?;
    Ok(text)
}

fn open_if(path: &Path, is_allowed: impl FnOnce(&FileType) -> bool) -> Result<File> {
    let kind = fs::metadata(path).map_err(Error::io("reading", path))?.file_type();
    if !is_allowed(&kind) {
        return Err(Error::Misuse(format!(
            "{} is {}: put a plain file in its place, or name another one",
            path.display(),
            name_of(kind)
        )));
    }
    File::open(path).map_err(Error::io("reading", path))
}

/// Returns the name of `kind`, with its article.
pub fn name_of(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_file() => "a plain file",
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}
