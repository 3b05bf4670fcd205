//! Limits on threads: a command that gets too few of them says so, and never hangs.

use crate::program::{Ran, Serve, run_without_hanging, succeed_in};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::tempdir;

/// The limit counts the threads of a user. Nothing else runs as this one.
const USER: u32 = 2_000_023;

/// Runs the program in `folder` with at most `limit` threads. The limit does not hold for root, who becomes [`USER`].
fn run_with_limit(folder: &Path, limit: usize, args: &[&str]) -> Ran {
    let mut shell = Command::new("bash");
    let script = format!("ulimit -u {limit} && exec ./saasgen \"$@\"");
    shell.args(["-c", &script, "bash"]).args(args).current_dir(folder).stdin(Stdio::null());
    if folder.metadata().unwrap().uid() == 0 {
        shell.uid(USER).gid(USER);
    }
    run_without_hanging(shell)
}

#[test]
fn a_limit_on_threads_is_an_error_that_names_it() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_saasgen"), path.join("saasgen")).unwrap();
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "data"]);
    let server = Serve::start(&["--customers", "100"]);
    let commands: [&[&str]; 4] = [
        &["generate", "--customers", "100", "--quiet", "--out", "out", "--threads", "4"],
        &["pull", "--server", &server.uri, "--quiet", "--out", "out", "--threads", "4"],
        &["verify", "--data", "data", "--threads", "4"],
        &["verify", "--server", &server.uri, "--threads", "4"],
    ];
    for args in commands {
        let mut refused = 0;
        for limit in 2..40 {
            let ran = run_with_limit(path, limit, args);
            if ran.code == Some(0) {
                break;
            }
            refused += 1;
            assert_eq!(ran.code, Some(1), "{limit} {args:?}: {}", ran.stderr);
            let message = format!("`ulimit -u` is {limit}");
            assert!(ran.stderr.contains(&message) && !ran.stderr.contains("panicked"), "{args:?}: {}", ran.stderr);
            assert!(!path.join("out").exists(), "{limit} {args:?}");
        }
        assert!(refused > 1, "{args:?}");
        let _ = fs::remove_dir_all(path.join("out"));
    }
    let ran = run_with_limit(path, 3, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(ran.stderr.contains("--threads of generate, pull or verify"), "{}", ran.stderr);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("`ulimit -u` is 3") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
}
