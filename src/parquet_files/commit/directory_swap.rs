//! Replaces all files of a folder in one step by a directory swap.
//!
//! 1. A sibling folder, `.NAME.saasgen.inprogress`, gets hard links to the new files and to the old files that stay.
//! 2. The folder and its sibling exchange their names in one system call. From here on, readers see the new files.
//! 3. The original folder, now under the sibling's name, gets the new files too.
//! 4. The two exchange their names again, and the sibling is deleted. Programs that are in the original folder, watch
//!    it or mount it stay with it.
//!
//! A kill at any step leaves a complete folder under the folder's name. The next run removes the sibling. So does a
//! crash of the machine, because each step is synced before the next one begins.

use super::file_system::{file_id, remove_if_exists, sync_folder};
use super::folder_update::FolderUpdate;
use super::staged_file::staged_path;
use crate::error::{Error, Result};
use crate::parquet_files::file_names::is_output_file;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

/// Errors that mean that a swap is impossible here: the folder is a mount point, the parent can't be written, or the
/// file system has no hard links or can't exchange folders.
const UNSUPPORTED: [Errno; 11] = [
    Errno::ACCESS,
    Errno::BUSY,
    Errno::EXIST,
    Errno::INVAL,
    Errno::MLINK,
    Errno::NAMETOOLONG,
    Errno::NOSYS,
    Errno::OPNOTSUPP,
    Errno::PERM,
    Errno::ROFS,
    Errno::XDEV,
];

/// Swaps the folder of `update` for one with the new files. Returns whether a swap is possible here. If not, nothing
/// has changed.
///
/// # Errors
/// Returns [`Error::Io`] if the swap fails for another reason. Nothing has changed then.
pub(super) fn swap(update: &FolderUpdate<'_>) -> Result<bool> {
    let Some(swap) = Swap::of(update.folder) else { return Ok(false) };
    let sibling = match swap.build_sibling(update).and_then(|sibling| swap.exchange_checked(update).map(|()| sibling)) {
        Ok(sibling) => sibling,
        Err(error) => {
            swap.remove_sibling();
            if Errno::from_io_error(&error).is_some_and(|error| UNSUPPORTED.contains(&error)) {
                return Ok(false);
            }
            return Err(Error::io("making the new folder", &swap.sibling)(error));
        }
    };
    update.new_files.iter().for_each(|file| file.mark_published());
    // If this fails, the new folder keeps the place, and the original one is removed.
    let _ = swap.restore_original(update);
    swap.remove_sibling();
    drop(sibling);
    Ok(true)
}

/// Removes the sibling that a killed run left beside `folder`. The caller must hold the lock of `folder`.
pub(in crate::parquet_files) fn remove_leftover_sibling(folder: &Path) {
    if let Some(swap) = Swap::of(folder) {
        swap.remove_sibling();
    }
}

/// The paths of a directory swap.
struct Swap {
    folder: PathBuf,
    parent: PathBuf,
    sibling: PathBuf,
}

impl Swap {
    /// Returns `None` if `folder` has no parent.
    fn of(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        let parent = folder.parent()?.to_path_buf();
        let mut name = OsString::from(".");
        name.push(folder.file_name()?);
        name.push(".saasgen");
        Some(Self { sibling: staged_path(&parent.join(name)), folder, parent })
    }

    /// Makes the sibling and returns it locked, because other writers will find it in the folder's place.
    fn build_sibling(&self, update: &FolderUpdate<'_>) -> io::Result<File> {
        fs::create_dir(&self.sibling)?;
        link_remaining_files(update, update.folder, &self.sibling)?;
        for file in update.new_files {
            fs::hard_link(file.staged_path(), self.sibling.join(update.relative(file.path())))?;
        }
        let sibling = File::open(&self.sibling)?;
        sibling.try_lock()?;
        sibling.sync_all()?;
        Ok(sibling)
    }

    fn exchange(&self) -> io::Result<()> {
        Ok(renameat_with(CWD, &self.sibling, CWD, &self.folder, RenameFlags::EXCHANGE)?)
    }

    /// Exchanges the names, and undoes it if the folder was not the locked one.
    fn exchange_checked(&self, update: &FolderUpdate<'_>) -> io::Result<()> {
        self.exchange()?;
        if file_id(self.sibling.metadata()) == file_id(update.lock.metadata()) {
            return Ok(());
        }
        self.exchange()?;
        Err(io::Error::other("the folder was moved, removed or replaced in the meantime"))
    }

    /// Applies the update to the original folder, which has the sibling's name, and gives it its own name again.
    fn restore_original(&self, update: &FolderUpdate<'_>) -> io::Result<()> {
        sync_folder(&self.parent);
        for path in update.removed {
            remove_if_exists(&self.sibling.join(update.relative(path)))?;
        }
        for file in update.new_files {
            let [staged, path] = [file.staged_path(), file.path()].map(|path| self.sibling.join(update.relative(path)));
            fs::rename(staged, path)?;
        }
        sync_folder(&self.sibling);
        self.exchange()?;
        sync_folder(&self.parent);
        Ok(())
    }

    /// Removes the sibling. If it can't be removed, later runs rename files one by one.
    fn remove_sibling(&self) {
        let _ = remove_or_move_back(&self.sibling, &self.folder, "");
    }
}

/// Links all files of the folder `from` into `to`, except files that the update removes or replaces.
fn link_remaining_files(update: &FolderUpdate<'_>, from: &Path, to: &Path) -> io::Result<()> {
    let is_left_out = |path: &Path| {
        let is_new = update.new_files.iter().any(|file| file.path() == path || file.staged_path() == path);
        is_new || update.removed.iter().any(|removed| removed == path)
    };
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, link) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            fs::create_dir(&link)?;
            link_remaining_files(update, &path, &link)?;
            sync_folder(&link);
            if update.removed.iter().any(|removed| removed.parent() == Some(&path)) {
                // Fails if the folder has other files.
                let _ = fs::remove_dir(&link);
            }
        } else if !is_left_out(&path) {
            fs::hard_link(&path, &link)?;
        }
    }
    let (original, copy) = (from.metadata()?, to.metadata()?);
    if (original.uid(), original.gid()) != (copy.uid(), copy.gid()) {
        chown(to, Some(original.uid()), Some(original.gid()))?;
    }
    fs::set_permissions(to, original.permissions())
}

/// Removes `sibling` with the files that this program made and the links to files of `folder`. Moves all other files to
/// `folder`, because somebody put them there during a swap. If `folder` already has a file of that name, the file and
/// the sibling stay. `prefix` is the path of `sibling` relative to the outermost sibling, with a `/` at the end.
fn remove_or_move_back(sibling: &Path, folder: &Path, prefix: &str) -> io::Result<()> {
    if !sibling.symlink_metadata()?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(sibling)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // If an entry stays, so does the folder: `remove_dir` below returns the error.
        let _ = remove_or_move_entry_back(&entry, folder, &name);
    }
    fs::remove_dir(sibling)
}

fn remove_or_move_entry_back(entry: &fs::DirEntry, folder: &Path, name: &str) -> io::Result<()> {
    let (path, in_folder, metadata) = (entry.path(), folder.join(entry.file_name()), entry.metadata()?);
    if metadata.is_dir() {
        remove_or_move_back(&path, &in_folder, &format!("{name}/"))
    } else if file_id(in_folder.symlink_metadata()) == file_id(Ok(metadata)) || is_output_or_staged_file(name) {
        remove_if_exists(&path)
    } else {
        fs::create_dir_all(folder)?;
        Ok(renameat_with(CWD, &path, CWD, &in_folder, RenameFlags::NOREPLACE)?)
    }
}

fn is_output_or_staged_file(name: &str) -> bool {
    is_output_file(name.strip_suffix(".inprogress").unwrap_or(name))
}
