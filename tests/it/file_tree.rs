//! The files below a folder with their contents, to compare folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files by their paths relative to a folder.
pub type FileTree = BTreeMap<PathBuf, Vec<u8>>;

/// Returns all files below `folder`. Returns none if there is no folder.
pub fn all_files(folder: &Path) -> FileTree {
    let mut files = FileTree::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            files.extend(all_files(&path).into_iter().map(|(file, bytes)| (name.join(file), bytes)));
        } else {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
    files
}

/// Returns all files below `folder` except leftovers.
pub fn final_files(folder: &Path) -> FileTree {
    let mut files = all_files(folder);
    files.retain(|path, _| !is_leftover(path));
    files
}

/// Returns the paths of leftovers below `folder`: `.inprogress` files, and files in `.inprogress` folders.
pub fn leftovers(folder: &Path) -> Vec<PathBuf> {
    all_files(folder).into_keys().filter(|path| is_leftover(path)).collect()
}

fn is_leftover(path: &Path) -> bool {
    path.iter().any(|name| name.to_str().unwrap().ends_with(".inprogress"))
}
