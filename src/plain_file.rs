//! Opens files for reading, and refuses everything else that can have a path: a pipe without a writer, for example,
//! would block its reader for ever.

use crate::error::{Error, Result};
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Opens the plain file at `path`, or a pipe that has no name in a folder. `<(command)` in a shell and `/dev/stdin` are
/// such pipes: their writers exist, so opening them does not block.
///
/// # Errors
/// Returns [`Error::Misuse`] if something else is there, and [`Error::Io`] if the file can't be opened.
pub fn open(path: &Path) -> Result<File> {
    let kind =
        fs::metadata(path).map_err(|error| missing(path, error)).map_err(Error::io("reading", path))?.file_type();
    let is_unnamed_pipe = || kind.is_fifo() && path.canonicalize().is_err();
    if !kind.is_file() && !is_unnamed_pipe() {
        return Err(Error::Misuse(format!(
            "{} is {}: put a plain file in its place, or name another one",
            path.display(),
            name_of(kind)
        )));
    }
    File::open(path).map_err(Error::io("reading", path))
}

/// Returns `error`, or a better one of the same kind if `path` is a link that leads nowhere.
fn missing(path: &Path, error: io::Error) -> io::Error {
    match fs::read_link(path) {
        Ok(target) if error.kind() == io::ErrorKind::NotFound => {
            io::Error::new(error.kind(), format!("it is a link to {}, which does not exist", target.display()))
        }
        _ => error,
    }
}

/// Reads all bytes of the file at `path`.
///
/// # Errors
/// Returns the errors of [`open`], and [`Error::Io`] if the file can't be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(Error::io("reading", path))?;
    Ok(bytes)
}

/// Reads the text of the file at `path`.
///
/// # Errors
/// Returns the errors of [`open`], and [`Error::Io`] if the file can't be read or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text).map_err(Error::io("reading", path))?;
    Ok(text)
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
