//! The error for files that can't be decoded.

use crate::error::Error;
use std::fmt::Display;
use std::path::Path;

/// Returns the error that the file at `path` can't be decoded for the given reason.
pub(super) fn unreadable_file(path: &Path, reason: impl Display) -> Error {
    let advice =
        "the file is damaged, or has a feature that saasgen does not support: copy it again, or write it again";
    Error::invalid(path, format!("{reason}; {advice}"))
}
