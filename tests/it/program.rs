//! The program as its users run it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program, to be run with `args`.
pub fn saasgen(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saasgen"));
    command.args(args).stdin(Stdio::null());
    command
}

/// What a finished run left.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs the program in `folder` to its end.
pub fn run_in(folder: &Path, args: &[&str]) -> Ran {
    saasgen(args).current_dir(folder).output().unwrap().into()
}

/// Runs the program in `folder` from a shell that has run `before` there.
pub fn run_after(before: &str, folder: &Path, args: &[&str]) -> Ran {
    let script = format!("{before} && exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_saasgen")]).args(args);
    shell.current_dir(folder).stdin(Stdio::null()).output().unwrap().into()
}

/// Runs the program in `folder`; it must succeed.
pub fn succeed_in(folder: &Path, args: &[&str]) -> Ran {
    let ran = run_in(folder, args);
    assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
    ran
}

/// Starts the program in `folder` with its output captured.
pub fn start_in(folder: &Path, args: &[&str]) -> Child {
    saasgen(args).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal by its name, such as `INT`.
pub fn send_signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until `is_so`; what another process brings about can only be looked for.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The files of a folder with their contents, by name; nothing where there is no folder.
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

/// The names of the files of a folder.
pub fn names(folder: &Path) -> Vec<String> {
    contents(folder).into_iter().map(|(name, _)| name).collect()
}

/// A server on a port of its own, stopped when dropped.
pub struct Serve {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// What was read of its log so far.
    log: String,
    pub uri: String,
}

impl Serve {
    pub fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args)
    }

    pub fn start_at(address: &str, args: &[&str]) -> Self {
        let mut command = saasgen(&["serve", "--listen", address]);
        command.args(args).env_remove("RUST_LOG");
        Self::of(command)
    }

    /// The server that `command` starts.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut uri = String::new();
        stdout.read_line(&mut uri).unwrap();
        Self { child, stdout, stderr, log: String::new(), uri: uri.trim_end().to_string() }
    }

    /// Waits for a line of the log that has `part` in it.
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

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }

    /// The memory that it holds, in MiB.
    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        kib.unwrap().trim().parse::<f64>().unwrap() / 1024.0
    }

    /// Waits for the end; with the whole log, and what was printed behind the address.
    pub fn ended(mut self) -> Ran {
        let mut stdout = String::new();
        self.stderr.read_to_string(&mut self.log).unwrap();
        self.stdout.read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code();
        Ran { code, stdout, stderr: std::mem::take(&mut self.log) }
    }

    /// Sends a signal and waits for the end.
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
