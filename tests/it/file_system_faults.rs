//! Faults of the file system at seeded random moments. The folder stays as it was.

use crate::file_tree::{FileTree, final_files, leftovers};
use crate::program::{Ran, run_after, run_in, saasgen, start_in, succeed_in, wait_until, without_variables};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::tempdir;

const NO_PATHS: Vec<PathBuf> = Vec::new();

/// Runs the program with a limit on the size of its files, in blocks of 512 bytes. Like a full disk, the limit fails
/// writes in the middle of a file, but it needs no privileges.
fn run_with_file_limit(folder: &Path, blocks: u64, args: &[&str]) -> Ran {
    run_after(&format!("ulimit -f {blocks}"), folder, args)
}

#[test]
fn a_file_size_limit_leaves_the_old_files() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "100", "--out", "old"]);
    let before = final_files(&path.join("old"));
    let blocks = |file: &Path| fs::metadata(file).unwrap().len() / 512;
    succeed_in(path, &["generate", "--customers", "5000", "--out", "large"]);
    let largest = blocks(&path.join("large/usage_daily.parquet"));
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..20 {
        let blocks = if round == 0 { 0 } else { random.u64(..largest) };
        for out in ["old", "new"] {
            let ran =
                run_with_file_limit(path, blocks, &["generate", "--customers", "5000", "--overwrite", "--out", out]);
            assert_eq!(ran.code, Some(1), "{blocks} blocks: {}", ran.stderr);
            assert!(ran.stderr.contains("error: writing"), "{}", ran.stderr);
            assert!(ran.stderr.contains("inprogress: File too large"), "{}", ran.stderr);
        }
        assert!(!path.join("new").exists());
        assert_eq!(final_files(&path.join("old")), before);
        assert_eq!(leftovers(path), NO_PATHS);
    }
    let verify = ["verify", "--data", "old", "--report", "report.html"];
    succeed_in(path, &verify);
    let report = fs::read(path.join("report.html")).unwrap();
    let ran = run_with_file_limit(path, random.u64(..blocks(&path.join("report.html"))), &verify);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("report.html.inprogress: File too large"), "{}", ran.stderr);
    assert_eq!(fs::read(path.join("report.html")).unwrap(), report);
    assert_eq!(leftovers(path), NO_PATHS);
}

#[test]
fn a_limit_on_open_files_is_named() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "old"]);
    let before = final_files(path);
    let commands: [&[&str]; 4] = [
        &["generate", "--customers", "100", "--quiet", "--out", "new"],
        &["verify", "--data", "old"],
        &["pull", "--out", "new"],
        &["serve", "--listen", "127.0.0.1:0", "--customers", "10"],
    ];
    // The program itself starts with four.
    for (args, limit) in commands.into_iter().flat_map(|args| (4..9).map(move |limit| (args, limit))) {
        let ran = run_after(&format!("ulimit -n {limit}"), path, args);
        assert_eq!(ran.code, Some(1), "{limit}: {args:?}: {}", ran.stderr);
        let named = ["Too many open files", ": raise the limit of open files", "`ulimit -n`"];
        assert!(named.iter().all(|part| ran.stderr.contains(part)), "{limit}: {args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("internal") && !ran.stderr.contains("panicked"), "{limit}: {}", ran.stderr);
        assert!(final_files(path) == before, "{limit}: {args:?}");
    }
}

#[test]
fn a_file_system_without_new_folders_is_named() {
    let folder = tempdir().unwrap();
    for out in ["/proc/x", "/proc/x/y"] {
        let ran = run_in(folder.path(), &["generate", "--customers", "10", "--out", out]);
        let message = format!("error: creating the folder {out}: ");
        assert_eq!((ran.code, ran.stderr.starts_with(&message)), (Some(1), true), "{}", ran.stderr);
        assert!(ran.stderr.contains("takes no new folders; choose another --out"), "{}", ran.stderr);
    }
}

/// Runs the program as a user for whom permissions matter: root becomes the user `nobody`.
fn run_unprivileged(folder: &Path, program: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(program);
    without_variables(command.args(args).current_dir(folder).stdin(Stdio::null()));
    if folder.metadata().unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().unwrap().into()
}

const NOBODY: u32 = 65534;

/// Changes the owner of `path` and of everything below it to the user of [`run_unprivileged`].
fn give_to_unprivileged(path: &Path) {
    let there = path.metadata().unwrap();
    if there.uid() == 0 {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    if there.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_to_unprivileged(&entry.unwrap().path()));
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_run_needs_write_permission_for_the_folder_and_not_for_its_parent() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    set_mode(path, 0o755);
    let program = path.join("saasgen");
    fs::copy(env!("CARGO_BIN_EXE_saasgen"), &program).unwrap();
    let parent = path.join("parent");
    fs::create_dir(&parent).unwrap();
    let generate =
        |seed| ["generate", "--customers", "100", "--quiet", "--overwrite", "--out", "parent/out", "--seed", seed];
    let out = parent.join("out");
    let data_sets: Vec<FileTree> = ["2", "1"]
        .map(|seed| {
            succeed_in(path, &generate(seed));
            final_files(&out)
        })
        .into();
    let run = || run_unprivileged(path, &program, &generate("2"));

    set_mode(&out, 0o555);
    let ran = run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("parent/out") && ran.stderr.contains("Permission denied"), "{}", ran.stderr);
    assert_eq!(final_files(&parent), in_folder("out", &data_sets[1]));
    assert_eq!(leftovers(path), NO_PATHS);

    // A directory swap is impossible because no sibling can be created, so the files are renamed one by one.
    give_to_unprivileged(&out);
    set_mode(&out, 0o755);
    set_mode(&parent, 0o555);
    let ran = run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(final_files(&parent), in_folder("out", &data_sets[0]));
    assert_eq!(leftovers(path), NO_PATHS);
    set_mode(&parent, 0o755);
}

fn in_folder(folder: &str, files: &FileTree) -> FileTree {
    files.iter().map(|(name, bytes)| (Path::new(folder).join(name), bytes.clone())).collect()
}

/// A change of the folder while its files are being written.
type Fault = fn(&Path);

#[test]
fn a_folder_that_is_moved_during_a_run_gets_no_new_files() {
    let rename = |path: &Path| fs::rename(path.join("out"), path.join("moved")).unwrap();
    let faults: [(&str, Fault); 4] = [
        ("removed", |path| while fs::remove_dir_all(path.join("out")).is_err() {}),
        ("renamed", rename),
        ("replaced by a file", |path| {
            fs::rename(path.join("out"), path.join("moved")).unwrap();
            fs::write(path.join("out"), "precious").unwrap();
        }),
        ("replaced by a link", |path| {
            fs::create_dir(path.join("another")).unwrap();
            fs::write(path.join("another/customers.parquet"), "precious").unwrap();
            fs::rename(path.join("out"), path.join("moved")).unwrap();
            symlink("another", path.join("out")).unwrap();
        }),
    ];
    let mut random = fastrand::Rng::with_seed(12);
    for round in 0..20 {
        let folder = tempdir().unwrap();
        let path = folder.path();
        let (name, fault) = faults[round % faults.len()];
        succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
        let before = final_files(&path.join("out"));
        let child = start_in(path, &["generate", "--customers", "60000", "--quiet", "--overwrite", "--out", "out"]);
        let staged = path.join("out/customers.parquet.inprogress");
        wait_until("the first table", || staged.exists());
        std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
        fault(path);
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("out"), "{name}: {}", ran.stderr);
        assert!(!path.join(".out.saasgen.inprogress").exists(), "{name}");
        if name == "removed" {
            assert_eq!(final_files(path), FileTree::new());
            continue;
        }
        assert_eq!(final_files(&path.join("moved")), before, "{name}");
        // No file was written to the old path of the folder.
        let there = final_files(path).into_iter().filter(|(file, _)| !file.starts_with("moved"));
        let there: Vec<(PathBuf, Vec<u8>)> = there.filter(|(_, bytes)| bytes != b"precious").collect();
        assert_eq!(there, Vec::new(), "{name}");
        // Staged files moved with the folder. The next run in it removes them.
        let moved = ["generate", "--customers", "100", "--quiet", "--out", "moved"];
        succeed_in(path, &moved);
        assert_eq!(final_files(&path.join("moved")), before, "{name}");
        assert_eq!(leftovers(path), NO_PATHS, "{name}");
    }
}

/// Programs that are in the folder, mount it or watch it stay with it. A link to the folder stays a link.
#[test]
fn a_run_keeps_the_inode_and_the_mode_of_the_folder() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("far")).unwrap();
    set_mode(&path.join("far"), 0o750);
    symlink("far", path.join("near")).unwrap();
    let identity = |name: &str| {
        let there = fs::symlink_metadata(path.join(name)).unwrap();
        (there.ino(), there.mode(), there.uid())
    };
    let before = (identity("far"), identity("near"));
    for seed in ["1", "2"] {
        let out = path.join("near");
        let args = ["generate", "--customers", "100", "--quiet", "--overwrite", "--out", ".", "--seed", seed];
        let ran: Ran = saasgen(&args).current_dir(&out).output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let args = ["generate", "--customers", "100", "--quiet", "--out", "near", "--seed", seed];
        succeed_in(path, &args);
        assert_eq!((identity("far"), identity("near")), before);
        assert_eq!(run_in(path, &["verify", "--data", "near", "--exact"]).code, Some(0));
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), 2);
}

/// A killed run may leave a sibling folder. If somebody put files into it during the swap, they are moved to the
/// folder.
#[test]
fn a_leftover_sibling_is_removed_and_files_of_others_in_it_are_kept() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
    let sibling = path.join(".out.saasgen.inprogress");
    fs::create_dir_all(sibling.join("mine/deep")).unwrap();
    fs::create_dir_all(sibling.join("usage_daily")).unwrap();
    for own in ["customers.parquet", "billing.parquet.inprogress", "usage_daily/part-00001-of-00002.parquet"] {
        fs::write(sibling.join(own), "old").unwrap();
    }
    fs::write(sibling.join("mine/deep/notes"), "precious").unwrap();
    fs::hard_link(path.join("out/support.parquet"), sibling.join("linked")).unwrap();
    fs::hard_link(path.join("out/support.parquet"), path.join("out/linked")).unwrap();
    let expected = {
        let mut files = final_files(&path.join("out"));
        files.insert("mine/deep/notes".into(), b"precious".to_vec());
        files
    };
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
    assert_eq!(final_files(path), in_folder("out", &expected));
    assert!(!sibling.exists());
    assert!(!path.join("out/usage_daily").exists());

    // A link with the sibling's name is not followed. It prevents a directory swap, so the files are renamed one by
    // one.
    fs::create_dir(path.join("another")).unwrap();
    fs::write(path.join("another/customers.parquet"), "precious").unwrap();
    symlink("another", &sibling).unwrap();
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
    assert_eq!(final_files(&path.join("out")), expected);
    assert_eq!(fs::read(path.join("another/customers.parquet")).unwrap(), b"precious");
}
