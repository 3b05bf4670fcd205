//! Runs of the program with a log of all its syncs.
//!
//! A library that is loaded before the C library logs every sync, with the names that the folder has at that moment.

use crate::program::{Ran, saasgen};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::{TempDir, tempdir};

/// A sync of a file or of a folder.
#[derive(Debug)]
pub struct Sync {
    pub path: PathBuf,
    /// The size of a file.
    pub size: Option<u64>,
    /// The inodes of the names in a folder.
    pub names: BTreeMap<String, u64>,
}

impl Sync {
    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }
}

/// Runs the program in `parent`, and logs its syncs.
pub struct SyncLog {
    folder: TempDir,
    parent: PathBuf,
}

impl SyncLog {
    pub fn new(parent: &Path) -> Self {
        let folder = tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sync_log.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(folder.path().join("sync_log.so")).arg(source).arg("-ldl");
        assert!(compiler.status().unwrap().success());
        Self { folder, parent: parent.canonicalize().unwrap() }
    }

    /// Returns a command that runs the program. With the variable SYNC_FAILS, syncs of paths that contain its value
    /// fail. With SYNC_HANGS, they never return.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = saasgen(args);
        command.env("LD_PRELOAD", self.folder.path().join("sync_log.so"));
        command.env("SYNC_LOG", self.log()).current_dir(&self.parent);
        command
    }

    /// Returns the path of the log.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Runs the program, which must succeed, and returns its syncs of whole files and of folders in their order.
    pub fn syncs_of(&self, args: &[&str]) -> Vec<Sync> {
        let _ = fs::remove_file(self.log());
        let ran: Ran = self.command(args).output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let text = fs::read_to_string(self.log()).expect("syncs");
        let lines = text.lines().filter_map(|line| line.strip_prefix("fsync\t"));
        lines
            .map(|line| {
                let (path, there) = line.split_once('\t').unwrap();
                let path = Path::new(path).strip_prefix(&self.parent).unwrap().to_path_buf();
                let names = there.split_whitespace().filter_map(|entry| entry.rsplit_once(':'));
                let names = names.map(|(name, inode)| (name.to_string(), inode.parse().unwrap())).collect();
                Sync { path, size: there.parse().ok(), names }
            })
            .collect()
    }
}
