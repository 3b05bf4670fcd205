//! Commits: new files replace old files all together or not at all, even if the program is killed.
//!
//! Files are written under staged names, `NAME.inprogress`. A commit then gives them their final names. A whole data
//! set is committed by a directory swap. A part is committed by renames that a journal records, and so is a whole data
//! set if the file system can't exchange folders. The next run finishes interrupted renames.

mod directory_swap;
mod file_sink;
mod file_system;
mod folder_update;
mod journal;
mod journaled_renames;
mod staged_file;
mod sync_while_writing;

pub(super) use directory_swap::remove_leftover_sibling;
pub(super) use file_sink::unwrap_sink_error;
pub(super) use file_system::{CreatedFolders, file_id};
pub(super) use folder_update::FolderUpdate;
pub(super) use journal::{has_journal, recover};
pub use staged_file::write_atomically;
pub(super) use staged_file::{StagedFile, final_name, is_locked, remove_leftover};
pub(super) use sync_while_writing::sync_while_writing;

use crate::error::{Error, Result};
use std::io;

/// Carries out `update`.
///
/// # Errors
/// Returns [`Error::Io`] if a step fails, and [`Error::Misuse`] if another saasgen commits to the folder. The folder is
/// then as it was before.
pub(super) fn commit(update: &FolderUpdate<'_>) -> Result<()> {
    if file_id(update.lock.metadata()) != file_id(update.folder.metadata()) {
        let moved = io::Error::other("it was moved, removed or replaced while its files were being written");
        return Err(Error::io("putting files into the folder", update.folder)(moved));
    }
    if update.part.is_none() && directory_swap::swap(update)? {
        return Ok(());
    }
    journaled_renames::rename_all(update)
}
