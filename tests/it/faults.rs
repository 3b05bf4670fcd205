//! Pulls whose connections and servers fail: what they write is the same byte for byte, or nothing.

use crate::program::{Ran, Serve, contents, run_in, send_signal, start_in, succeed_in, wait_until};
use crate::proxy::{Fault, Proxy};
use std::path::{Path, PathBuf};
use std::process::Child;
use tempfile::{TempDir, tempdir};

/// Six endpoints, three of them of usage_daily.
const CUSTOMERS: &str = "60000";

/// What the server of so many customers sends to a pull, about.
const BYTES: u64 = 90 << 20;

/// What comes before the first batch, about.
const FIRST_BYTES: u64 = 3_000;

/// A folder, and the files of `generate` in it.
struct Folder {
    folder: TempDir,
    args: Vec<&'static str>,
    expected: Vec<(String, Vec<u8>)>,
}

impl Folder {
    fn new() -> Self {
        Self::of(&["--customers", CUSTOMERS])
    }

    /// Of the data set, and the tables, that `args` of generate name.
    fn of(args: &[&'static str]) -> Self {
        let folder = tempdir().unwrap();
        succeed_in(folder.path(), &[&["generate", "--quiet", "--out", "expected"], args].concat());
        let expected = contents(&folder.path().join("expected"));
        Self { folder, args: args.into(), expected }
    }

    fn serve(&self) -> Serve {
        let tables = self.args.iter().position(|arg| *arg == "--tables");
        let mut args = self.args.clone();
        tables.map(|at| args.drain(at..at + 2));
        Serve::start(&args)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn pulled(&self) -> PathBuf {
        self.path().join("pulled")
    }

    fn args<'a>(server: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["pull", "--server", server, "--quiet", "--out", "pulled"], more].concat()
    }

    fn pull(&self, server: &str, more: &[&str]) -> Ran {
        run_in(self.path(), &Self::args(server, more))
    }

    fn start(&self, server: &str, more: &[&str]) -> Child {
        start_in(self.path(), &Self::args(server, more))
    }

    /// The pull has done its work, and the files are those of `generate`.
    fn assert_same(&self, ran: &Ran, what: &str) {
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        assert!(contents(&self.pulled()) == self.expected, "{what}: other bytes");
        std::fs::remove_dir_all(self.pulled()).unwrap();
    }

    /// Puts the files of `generate` where a pull would replace them.
    fn fill(&self) {
        std::fs::create_dir(self.pulled()).unwrap();
        for (name, bytes) in &self.expected {
            std::fs::write(self.pulled().join(name), bytes).unwrap();
        }
    }

    /// The pull has failed, and said so; the folder is as [`Self::fill`] left it.
    fn assert_failed(&self, ran: &Ran, code: i32, parts: &[&str]) {
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
        assert!(contents(&self.pulled()) == self.expected, "the folder is as it was");
    }
}

/// Faults of these kinds in turn, so many, at places among the first `bytes`.
fn faults(seed: u64, kinds: &[Fault], count: usize, bytes: u64) -> Vec<(u64, Fault)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let kinds = kinds.iter().cycle();
    kinds.take(count).map(|kind| (random.u64(..bytes), *kind)).collect()
}

#[test]
fn streams_that_are_cut_or_reset_anywhere_go_on() {
    let folder = Folder::new();
    let server = folder.serve();
    for (seed, threads) in [(1, "1"), (2, "2"), (3, "4")] {
        let proxy = Proxy::to(&server.uri);
        proxy.plan(faults(seed, &[Fault::Cut, Fault::Reset], 12, BYTES));
        let ran = folder.pull(&proxy.uri(), &["--threads", threads]);
        folder.assert_same(&ran, &format!("seed {seed}"));
        assert_eq!(proxy.befallen(), 12);
        assert!(proxy.passed() > BYTES);
    }
}

#[test]
fn faults_before_the_first_batch_are_survived() {
    let folder = Folder::of(&["--customers", "2000"]);
    let server = folder.serve();
    for seed in 0..8 {
        let proxy = Proxy::to(&server.uri);
        proxy.plan(faults(seed, &[Fault::Reset, Fault::Cut], 3, FIRST_BYTES));
        let ran = folder.pull(&proxy.uri(), &["--threads", "1"]);
        folder.assert_same(&ran, &format!("seed {seed}"));
        assert_eq!(proxy.befallen(), 3);
    }
}
