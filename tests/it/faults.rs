//! File systems that fail a run, at seeded random moments: the folder is left as it was.

use crate::crash::{Files, Random, leftovers, whole};
use crate::program::{Ran, run_after, run_in, saasgen, start_in, succeed_in, wait_until};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::tempdir;

const NOTHING: Vec<PathBuf> = Vec::new();

/// Runs the program with a limit on the size of its files, in units of 512 bytes. The limit needs no privilege, and
/// fails writes in the middle of a file, as a full disk does.
fn limited(folder: &Path, blocks: u64, args: &[&str]) -> Ran {
    run_after(&format!("ulimit -f {blocks}"), folder, args)
}

#[test]
fn a_limit_on_file_sizes_leaves_the_old_files_wherever_it_strikes() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "100", "--out", "old"]);
    let before = whole(&path.join("old"));
    let limits = |largest: &Path| fs::metadata(largest).unwrap().len() / 512;
    succeed_in(path, &["generate", "--customers", "5000", "--out", "large"]);
    let largest = limits(&path.join("large/usage_daily.parquet"));
    let mut random = Random(11);
    for round in 0..20 {
        let blocks = if round == 0 { 0 } else { random.below(largest) };
        for out in ["old", "new"] {
            let ran = limited(path, blocks, &["generate", "--customers", "5000", "--out", out]);
            assert_eq!(ran.code, Some(1), "{blocks} blocks: {}", ran.stderr);
            assert!(ran.stderr.contains("error: writing"), "{}", ran.stderr);
            assert!(ran.stderr.contains("inprogress: File too large"), "{}", ran.stderr);
        }
        assert!(!path.join("new").exists());
        assert_eq!(whole(&path.join("old")), before);
        assert_eq!(leftovers(path), NOTHING);
    }
    let verify = ["verify", "--data", "old", "--report", "report.html"];
    succeed_in(path, &verify);
    let report = fs::read(path.join("report.html")).unwrap();
    let ran = limited(path, random.below(limits(&path.join("report.html"))), &verify);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("report.html.inprogress: File too large"), "{}", ran.stderr);
    assert_eq!(fs::read(path.join("report.html")).unwrap(), report);
    assert_eq!(leftovers(path), NOTHING);
}

/// Runs the program as somebody whom permissions bind: root is nobody for it.
fn run_as_somebody(folder: &Path, program: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    if folder.metadata().unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().unwrap().into()
}

const NOBODY: u32 = 65534;

/// Gives all below `path` to whoever [`run_as_somebody`] is.
fn give_away(path: &Path) {
    let there = path.metadata().unwrap();
    if there.uid() == 0 {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    if there.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_away(&entry.unwrap().path()));
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn without_permission_the_old_files_stay_and_the_folder_alone_is_enough() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    set_mode(path, 0o755);
    let program = path.join("saasgen");
    fs::copy(env!("CARGO_BIN_EXE_saasgen"), &program).unwrap();
    let parent = path.join("parent");
    fs::create_dir(&parent).unwrap();
    let generate = |seed| ["generate", "--customers", "100", "--quiet", "--out", "parent/out", "--seed", seed];
    let out = parent.join("out");
    let sets: Vec<Files> = ["2", "1"]
        .map(|seed| {
            succeed_in(path, &generate(seed));
            whole(&out)
        })
        .into();
    let run = || run_as_somebody(path, &program, &generate("2"));

    set_mode(&out, 0o555);
    let ran = run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("parent/out") && ran.stderr.contains("Permission denied"), "{}", ran.stderr);
    assert_eq!(whole(&parent), whole_under("out", &sets[1]));
    assert_eq!(leftovers(path), NOTHING);

    // No second folder can be made beside it, which takes the swap but not the files.
    give_away(&out);
    set_mode(&out, 0o755);
    set_mode(&parent, 0o555);
    let ran = run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(whole(&parent), whole_under("out", &sets[0]));
    assert_eq!(leftovers(path), NOTHING);
    set_mode(&parent, 0o755);
}

fn whole_under(folder: &str, files: &Files) -> Files {
    files.iter().map(|(name, bytes)| (Path::new(folder).join(name), bytes.clone())).collect()
}

/// What happens to the folder while its files are being made.
type Fault = fn(&Path);

#[test]
fn a_folder_that_goes_in_the_midst_takes_nothing_with_it() {
    let moved = |path: &Path| fs::rename(path.join("out"), path.join("moved")).unwrap();
    let faults: [(&str, Fault); 4] = [
        ("removed", |path| while fs::remove_dir_all(path.join("out")).is_err() {}),
        ("renamed away", moved),
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
    let mut random = Random(12);
    for round in 0..20 {
        let folder = tempdir().unwrap();
        let path = folder.path();
        let (name, fault) = faults[round % faults.len()];
        succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
        let before = whole(&path.join("out"));
        let child = start_in(path, &["generate", "--customers", "60000", "--quiet", "--out", "out"]);
        let begun = path.join("out/customers.parquet.inprogress");
        wait_until("a file begun", || begun.exists());
        std::thread::sleep(Duration::from_micros(random.below(20_000)));
        fault(path);
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("out"), "{name}: {}", ran.stderr);
        assert!(!path.join(".out.saasgen.inprogress").exists(), "{name}");
        if name == "removed" {
            assert_eq!(whole(path), Files::new());
            continue;
        }
        assert_eq!(whole(&path.join("moved")), before, "{name}");
        // Nothing came to where the folder was.
        let there = whole(path).into_iter().filter(|(file, _)| !file.starts_with("moved"));
        let there: Vec<(PathBuf, Vec<u8>)> = there.filter(|(_, bytes)| bytes != b"precious").collect();
        assert_eq!(there, Vec::new(), "{name}");
        // Files in progress went with the folder; the next run in it clears them.
        let moved = ["generate", "--customers", "100", "--quiet", "--out", "moved"];
        succeed_in(path, &moved);
        assert_eq!(whole(&path.join("moved")), before, "{name}");
        assert_eq!(leftovers(path), NOTHING, "{name}");
    }
}

/// Who is in the folder, or has it mounted or watched, stays with it; a link to it stays a link.
#[test]
fn the_folder_stays_the_same_folder() {
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
        let args = ["generate", "--customers", "100", "--quiet", "--out", ".", "--seed", seed];
        let ran: Ran = saasgen(&args).current_dir(&out).output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let args = ["generate", "--customers", "100", "--quiet", "--out", "near", "--seed", seed];
        succeed_in(path, &args);
        assert_eq!((identity("far"), identity("near")), before);
        assert_eq!(run_in(path, &["verify", "--data", "near", "--exact"]).code, Some(0));
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), 2);
}

/// What somebody puts into a folder while another stands in its place is not lost, nor what stood there before.
#[test]
fn what_a_killed_run_left_beside_the_folder_is_cleared_and_what_others_left_is_kept() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
    let cover = path.join(".out.saasgen.inprogress");
    fs::create_dir_all(cover.join("mine/deep")).unwrap();
    fs::create_dir_all(cover.join("usage_daily")).unwrap();
    for own in ["customers.parquet", "billing.parquet.inprogress", "usage_daily/part-00001-of-00002.parquet"] {
        fs::write(cover.join(own), "old").unwrap();
    }
    fs::write(cover.join("mine/deep/notes"), "precious").unwrap();
    fs::hard_link(path.join("out/support.parquet"), cover.join("linked")).unwrap();
    fs::hard_link(path.join("out/support.parquet"), path.join("out/linked")).unwrap();
    let expected = {
        let mut files = whole(&path.join("out"));
        files.insert("mine/deep/notes".into(), b"precious".to_vec());
        files
    };
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
    assert_eq!(whole(path), whole_under("out", &expected));
    assert!(!cover.exists());
    assert!(!path.join("out/usage_daily").exists());

    // A link there is not followed, and is in the way: the files come to their places without.
    fs::create_dir(path.join("another")).unwrap();
    fs::write(path.join("another/customers.parquet"), "precious").unwrap();
    symlink("another", &cover).unwrap();
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
    assert_eq!(whole(&path.join("out")), expected);
    assert_eq!(fs::read(path.join("another/customers.parquet")).unwrap(), b"precious");
}
