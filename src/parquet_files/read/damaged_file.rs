//! The error for damaged files.

use crate::error::Error;
use std::fmt::Display;
use std::path::Path;

/// Returns the error that the file at `path` is damaged, as `damage` says.
pub(super) fn damaged_file(path: &Path, damage: impl Display) -> Error {
    Error::invalid(path, format!("{damage}; the file is damaged: copy it again, or write it again"))
}
