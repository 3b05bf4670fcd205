//! Changes all files of a folder in one step, as those see it who open them by their paths.
//!
//! A second folder is made beside the first, `.NAME.saasgen.inprogress`, with the new files and all that is to stay, as
//! further names of the same files. The two folders change places at once. Then the first one gets the new files, too,
//! and comes back to its place: whoever is in it, has it mounted or watches it stays with it. Wherever a kill ends
//! this, a whole folder stands in the place; the next run clears the other.

use super::commit::Commit;
use super::in_progress::{inode, remove_if_there, sync_folder, temporary_name};
use super::layout::is_own;
use crate::error::{Error, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

/// Errors that say that it can't be done here, whatever the moment: another file system is mounted at the folder, the
/// parent is not ours, the file system has no second names or exchanges no folders.
const CAN_NOT_BE_HAD: [Errno; 11] = [
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

/// Where a folder is, and where its cover.
struct Place {
    folder: PathBuf,
    parent: PathBuf,
    cover: PathBuf,
}

impl Place {
    /// `None` where a folder has no parent to put a cover into.
    fn of(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        let parent = folder.parent()?.to_path_buf();
        let mut name = OsString::from(".");
        name.push(folder.file_name()?);
        name.push(".saasgen");
        Some(Self { cover: temporary_name(&parent.join(name)), folder, parent })
    }

    fn exchange(&self) -> io::Result<()> {
        Ok(renameat_with(CWD, &self.cover, CWD, &self.folder, RenameFlags::EXCHANGE)?)
    }

    /// Makes the cover and returns it, held against other writers: they find it in the folder's place.
    fn build(&self, commit: &Commit<'_>) -> io::Result<File> {
        fs::create_dir(&self.cover)?;
        mirror(commit, commit.folder, &self.cover)?;
        for file in commit.place {
            fs::hard_link(file.temporary(), self.cover.join(commit.relative(file.path())))?;
        }
        let cover = File::open(&self.cover)?;
        cover.try_lock()?;
        cover.sync_all()?;
        Ok(cover)
    }

    /// Puts the cover in the folder's place.
    fn raise(&self, commit: &Commit<'_>) -> io::Result<()> {
        self.exchange()?;
        if inode(self.cover.metadata()) == inode(commit.lock.metadata()) {
            return Ok(());
        }
        self.exchange()?;
        Err(io::Error::other("the folder was moved, removed or replaced meanwhile"))
    }

    /// Gives the folder, which stands in the cover's place, the new files, and brings it back.
    fn settle(&self, commit: &Commit<'_>) -> io::Result<()> {
        for path in commit.remove {
            remove_if_there(&self.cover.join(commit.relative(path)))?;
        }
        for file in commit.place {
            let [old, new] = [file.temporary(), file.path()].map(|path| self.cover.join(commit.relative(path)));
            fs::rename(old, new)?;
        }
        self.exchange()?;
        sync_folder(&self.parent);
        Ok(())
    }
}

/// Does what is to become of the folder. Returns whether that can be had here; where not, nothing has changed.
///
/// # Errors
/// [`Error::Io`], whereupon nothing has changed, either.
pub(super) fn swap(commit: &Commit<'_>) -> Result<bool> {
    let Some(place) = Place::of(commit.folder) else { return Ok(false) };
    let cover = match place.build(commit).and_then(|cover| place.raise(commit).map(|()| cover)) {
        Ok(cover) => cover,
        Err(error) => {
            let _ = discard(&place.cover, &place.folder, "");
            if Errno::from_io_error(&error).is_some_and(|error| CAN_NOT_BE_HAD.contains(&error)) {
                return Ok(false);
            }
            return Err(Error::io("making the new folder", &place.cover)(error));
        }
    };
    commit.place.iter().for_each(|file| file.set_placed());
    // Where this fails the cover stays, whole as it is, and the old folder goes.
    let _ = place.settle(commit);
    let _ = discard(&place.cover, &place.folder, "");
    drop(cover);
    Ok(true)
}

/// Clears what a killed writer of `folder`, which must be held, left beside it.
pub(super) fn clear(folder: &Path) {
    if let Some(place) = Place::of(folder) {
        // What can't be cleared is no cover for others, who then do without.
        let _ = discard(&place.cover, &place.folder, "");
    }
}

/// Gives the folder `to` all files in `from` that neither go nor are in progress, under the same names.
fn mirror(commit: &Commit<'_>, from: &Path, to: &Path) -> io::Result<()> {
    let goes = |path: &Path| {
        let is_new = commit.place.iter().any(|file| file.path() == path || file.temporary() == path);
        is_new || commit.remove.iter().any(|removed| removed == path)
    };
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, twin) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            fs::create_dir(&twin)?;
            mirror(commit, &path, &twin)?;
            if commit.remove.iter().any(|removed| removed.parent() == Some(&path)) {
                // Refused where others' files are in it.
                let _ = fs::remove_dir(&twin);
            }
        } else if !goes(&path) {
            fs::hard_link(&path, &twin)?;
        }
    }
    let (of, mine) = (from.metadata()?, to.metadata()?);
    if (of.uid(), of.gid()) != (mine.uid(), mine.gid()) {
        chown(to, Some(of.uid()), Some(of.gid()))?;
    }
    fs::set_permissions(to, of.permissions())
}

/// Removes what stood beside `folder`: second names of its files, and files of the program's making. What else is
/// there, somebody put there meanwhile: it goes into `folder`, or stays, the cover with it, where that has its name
/// already.
fn discard(cover: &Path, folder: &Path, within: &str) -> io::Result<()> {
    if !cover.symlink_metadata()?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(cover)? {
        let entry = entry?;
        let name = format!("{within}{}", entry.file_name().to_string_lossy());
        // What stays is told by the folder, which then can't go.
        let _ = discard_file(&entry, folder, &name);
    }
    fs::remove_dir(cover)
}

fn discard_file(entry: &fs::DirEntry, folder: &Path, name: &str) -> io::Result<()> {
    let (path, twin, there) = (entry.path(), folder.join(entry.file_name()), entry.metadata()?);
    if there.is_dir() {
        discard(&path, &twin, &format!("{name}/"))
    } else if inode(twin.symlink_metadata()) == inode(Ok(there)) || is_own_or_temporary(name) {
        remove_if_there(&path)
    } else {
        fs::create_dir_all(folder)?;
        Ok(renameat_with(CWD, &path, CWD, &twin, RenameFlags::NOREPLACE)?)
    }
}

fn is_own_or_temporary(name: &str) -> bool {
    is_own(name.strip_suffix(".inprogress").unwrap_or(name))
}
