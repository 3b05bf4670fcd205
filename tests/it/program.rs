//! Runs the program as a process.

use signal_hook::consts::{SIGHUP, SIGINT};
use signal_hook::flag;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// Lets the programs that the tests start react to SIGINT and SIGHUP, even if the tests themselves were started to ignore
/// them, by `nohup` or as a background job of a script. A program inherits an ignored signal, but not a handled one.
pub fn handle_ignored_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        flag::register_conditional_default(SIGINT, Arc::new(AtomicBool::new(true))).unwrap();
        flag::register(SIGHUP, Arc::default()).unwrap();
    });
}

/// Returns a command that runs the program with `args`. The environment of the tests sets none of its options.
pub fn saasgen(args: &[&str]) -> Command {
    handle_ignored_signals();
    let mut command = Command::new(env!("CARGO_BIN_EXE_saasgen"));
    without_variables(command.args(args).stdin(Stdio::null()));
    command
}

/// Removes the variables that set options of the program from the environment of `command`.
pub fn without_variables(command: &mut Command) -> &mut Command {
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.as_encoded_bytes().starts_with(b"SAASGEN_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command
}

/// The result of a finished run.
pub struct Ran {
    pub code: Option<i32>,
    /// The signal that ended the run.
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs the program in `folder` to its end.
pub fn run_in(folder: &Path, args: &[&str]) -> Ran {
    saasgen(args).current_dir(folder).output().unwrap().into()
}

/// Runs the shell command `before` in `folder`, such as a `ulimit`, and then the program in the same shell.
pub fn run_after(before: &str, folder: &Path, args: &[&str]) -> Ran {
    handle_ignored_signals();
    let script = format!("{before} && exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_saasgen")]).args(args);
    without_variables(shell.current_dir(folder).stdin(Stdio::null())).output().unwrap().into()
}

/// Runs the program in `folder` and asserts that it succeeds.
pub fn succeed_in(folder: &Path, args: &[&str]) -> Ran {
    let ran = run_in(folder, args);
    assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
    ran
}

/// Starts the program in `folder` and captures its output.
pub fn start_in(folder: &Path, args: &[&str]) -> Child {
    saasgen(args).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal to `child` by its name, such as `INT`.
pub fn send_signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits for the end of `child`. If it takes longer than 60 s, kills it and panics.
pub fn ended(mut child: Child) -> Ran {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("the run hangs: {}", Ran::from(child.wait_with_output().unwrap()).stderr);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap().into()
}

/// Runs `command`, which may hang, to its end.
pub fn run_without_hanging(mut command: Command) -> Ran {
    ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Polls `condition`, which depends on another process, until it holds. Panics after 60 s.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited 60 s for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the names and contents of the files in a folder, sorted by name. The list is empty if there is no folder.
pub fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_string(), std::fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Returns the names of the files in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    contents(folder).into_iter().map(|(name, _)| name).collect()
}

/// A running server, killed when dropped.
pub struct Serve {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// The lines of the log that were read so far.
    log: String,
    pub uri: String,
}

impl Serve {
    /// Starts a server on a free port.
    pub fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args)
    }

    /// Starts a server that listens on `address`.
    pub fn start_at(address: &str, args: &[&str]) -> Self {
        let mut command = saasgen(&["serve", "--listen", address]);
        command.args(args);
        Self::of(command)
    }

    /// Starts a server with `command`.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut uri = String::new();
        stdout.read_line(&mut uri).unwrap();
        Self { child, stdout, stderr, log: String::new(), uri: uri.trim_end().to_string() }
    }

    /// Waits for a line of the log that contains `part`, and returns it.
    pub fn wait_for(&mut self, part: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).unwrap();
            assert!(read > 0, "the log ended before {part:?}:\n{}", self.log);
            self.log.push_str(&line);
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }

    /// Returns whether the server has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end as [`Self::ended`] does, for at most 60 s.
    pub fn ended_soon(mut self) -> Ran {
        wait_until("the end of the server", || !self.is_running());
        self.ended()
    }

    /// Returns the resident memory in MiB.
    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        kib.unwrap().trim().parse::<f64>().unwrap() / 1024.0
    }

    /// Waits for the end. The result has the whole log, and the output after the address.
    pub fn ended(mut self) -> Ran {
        let mut stdout = String::new();
        self.stderr.read_to_string(&mut self.log).unwrap();
        self.stdout.read_to_string(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        Ran { code: status.code(), signal: status.signal(), stdout, stderr: std::mem::take(&mut self.log) }
    }

    /// Sends a signal, waits for the end and returns the exit code.
    pub fn stop(mut self, signal: &str) -> Option<i32> {
        send_signal(&self.child, signal);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
