//! Signals to runs that write files: which of them end a run, how, and how soon.

use crate::file_tree::leftovers;
use crate::program::{Ran, Serve, ended, handle_ignored_signals, run_in, saasgen, send_signal, succeed_in, wait_until};
use crate::sync_log::SyncLog;
use libc::{SIGHUP, SIGINT, SIGTERM};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// Starts the program in a shell that has begun with the command `before`.
fn start_after(before: &str, folder: &Path, args: &[&str]) -> Child {
    handle_ignored_signals();
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("{before}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_saasgen")]).args(args);
    shell.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// `nohup` ignores SIGHUP, and a script ignores SIGINT for its background jobs.
#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let server = Serve::start(&["--customers", "300000"]);
    succeed_in(path, &["generate", "--customers", "300000", "--quiet", "--out", "verified"]);
    let tables = ["--tables", "usage_daily", "--quiet", "--out", "out"];
    let commands = [
        [&["generate", "--customers", "300000"], &tables[..]].concat(),
        [&["pull", "--server", &server.uri], &tables[..]].concat(),
        vec!["verify", "--data", "verified", "--report", "report.html"],
    ];
    for args in commands {
        for signal in ["HUP", "INT", "TERM"] {
            let child = start_after(&format!("trap '' {signal}"), path, &args);
            let status = format!("/proc/{}/status", child.id());
            let has_threads = || fs::read_to_string(&status).is_ok_and(|status| !status.contains("Threads:\t1\n"));
            wait_until("the threads", || has_threads() || !Path::new(&status).exists());
            send_signal(&child, signal);
            let ran = ended(child);
            assert_eq!((ran.code, ran.signal), (Some(0), None), "{signal} {args:?}: {}", ran.stderr);
        }
    }
    let manifest = fs::read_to_string(path.join("out/manifest.json")).unwrap();
    assert!(manifest.contains("usage_daily") && path.join("report.html").exists());
}

/// A shell ends its loop only if the program dies by the signal.
#[test]
fn ctrl_c_ends_a_loop_of_runs() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let run = "\"$0\" generate --customers 3000000 --tables usage_daily --out $i";
    handle_ignored_signals();
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("for i in 1 2 3; do {run}; echo run $i: $?; done"), env!("CARGO_BIN_EXE_saasgen")]);
    shell.current_dir(path).process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = shell.spawn().unwrap();
    wait_until("the first run", || path.join("1/usage_daily.parquet.inprogress").exists());
    // The keyboard sends the signal to the whole group.
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    let ran = ended(child);
    assert_eq!((ran.signal, ran.stdout.as_str()), (Some(SIGINT), ""), "{}", ran.stderr);
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
}

#[test]
fn verify_dies_by_the_signal() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let server = Serve::start(&["--customers", "100000000"]);
    for (name, number) in [("HUP", SIGHUP), ("INT", SIGINT), ("TERM", SIGTERM)] {
        let child = start_after(":", path, &["verify", "--server", &server.uri, "--report", "report.html"]);
        let tasks = format!("/proc/{}/task", child.id());
        wait_until("the threads", || fs::read_dir(&tasks).is_ok_and(|tasks| tasks.count() > 3));
        send_signal(&child, name);
        let ran = ended(child);
        assert_eq!((ran.signal, ran.stdout.as_str()), (Some(number), ""), "{}", ran.stderr);
        assert!(ran.stderr.starts_with("error: interrupted; nothing was changed\n"), "{}", ran.stderr);
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
}

/// `timeout` sends SIGTERM to the program, and at once again to its group.
#[test]
fn a_run_that_times_out_leaves_no_files() {
    let folder = tempdir().unwrap();
    let mut command = Command::new("timeout");
    command.args(["0.5", env!("CARGO_BIN_EXE_saasgen"), "generate", "--customers", "100000000", "--out", "out"]);
    let ran: Ran = command.current_dir(folder.path()).output().unwrap().into();
    assert_eq!(ran.code, Some(124), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: interrupted"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Starts a run on a disk that never finishes a sync, and waits until it is blocked.
fn start_on_hanging_disk(log: &SyncLog) -> Child {
    let _ = fs::remove_file(log.log());
    let args = ["generate", "--customers", "100", "--seed", "2", "--overwrite", "--quiet", "--out", "out"];
    let mut command = log.command(&args);
    let command = command.env("SYNC_HANGS", "customers.parquet").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_until("the sync", || fs::read_to_string(log.log()).is_ok_and(|log| log.contains("customers.parquet")));
    child
}

#[test]
fn a_signal_ends_a_run_that_is_blocked_in_the_system() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
    let log = SyncLog::new(path);
    for (name, number) in [("TERM", SIGTERM), ("INT", SIGINT)] {
        let child = start_on_hanging_disk(&log);
        send_signal(&child, name);
        let ran = ended(child);
        assert_eq!(ran.signal, Some(number), "{}", ran.stderr);
        assert_eq!(run_in(path, &["verify", "--data", "out", "--exact"]).code, Some(0));
    }
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "out"]);
    assert_eq!(leftovers(path), Vec::<PathBuf>::new());
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    let folder = tempdir().unwrap();
    let log = SyncLog::new(folder.path());
    for (first, second, number) in [("TERM", "TERM", SIGTERM), ("TERM", "INT", SIGINT), ("INT", "INT", SIGINT)] {
        let mut child = start_on_hanging_disk(&log);
        let start = Instant::now();
        send_signal(&child, first);
        // Signals shortly after the first one repeat it.
        while child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(30) {
            send_signal(&child, second);
            std::thread::sleep(Duration::from_millis(20));
        }
        let took = start.elapsed();
        let ran = ended(child);
        assert_eq!(ran.signal, Some(number), "{}", ran.stderr);
        assert!(took < Duration::from_secs(4), "{took:?}");
    }
}

/// A model from a pipe is read before signals have handlers, so the first one ends the wait.
#[test]
fn a_signal_ends_the_wait_for_a_model_from_a_pipe() {
    let folder = tempdir().unwrap();
    let mut command = saasgen(&["generate", "--model", "/dev/stdin"]);
    command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdin = child.stdin.take();
    let stat = format!("/proc/{}/stat", child.id());
    wait_until("the read", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains("(saasgen) S")));
    send_signal(&child, "TERM");
    assert_eq!(ended(child).signal, Some(SIGTERM));
    drop(stdin);
}
