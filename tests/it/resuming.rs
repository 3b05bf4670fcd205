//! When connections and servers fail, `pull` writes the same files byte for byte, or nothing.

use crate::fault_proxy::{Fault, FaultProxy};
use crate::program::{Ran, Serve, contents, run_in, send_signal, start_in, succeed_in, wait_until};
use libc::SIGINT;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::{fs, iter};
use tempfile::{TempDir, tempdir};

/// This size has six endpoints; three of them belong to usage_daily.
const CUSTOMERS: &str = "60000";

/// The approximate number of bytes that a server of this size sends to a pull.
const BYTES: u64 = 90 << 20;

/// The approximate number of bytes before the first batch.
const FIRST_BYTES: u64 = 3_000;

/// A data set: its expected files from `generate`, and a folder to pull it to.
struct PullFixture {
    folder: TempDir,
    args: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
}

impl PullFixture {
    fn new() -> Self {
        Self::of(&["--customers", CUSTOMERS])
    }

    /// Generates the data set and the tables that `args` name.
    fn of(args: &[&str]) -> Self {
        let folder = tempdir().unwrap();
        succeed_in(folder.path(), &[&["generate", "--quiet", "--out", "expected"], args].concat());
        let files = contents(&folder.path().join("expected"));
        Self { folder, args: args.iter().map(ToString::to_string).collect(), files }
    }

    /// Starts a server of the data set.
    fn serve(&self, more: &[&str]) -> Serve {
        let mut args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        if let Some(tables) = args.iter().position(|arg| *arg == "--tables") {
            args.drain(tables..tables + 2);
        }
        args.extend(more);
        Serve::start(&args)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the folder to pull to.
    fn pulled(&self) -> PathBuf {
        self.path().join("pulled")
    }

    fn pull_args<'a>(server: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["pull", "--server", server, "--quiet", "--out", "pulled"], more].concat()
    }

    fn pull(&self, server: &str, more: &[&str]) -> Ran {
        run_in(self.path(), &Self::pull_args(server, more))
    }

    fn start_pull(&self, server: &str, more: &[&str]) -> Child {
        start_in(self.path(), &Self::pull_args(server, more))
    }

    /// Pulls from `server` through a proxy that injects all faults of `plan`. The files must be the expected ones.
    fn assert_survives(&self, server: &Serve, plan: Vec<(u64, Fault)>, args: &[&str], what: &str) -> FaultProxy {
        let (proxy, planned) = (FaultProxy::to(&server.uri), plan.len());
        proxy.plan(plan);
        self.assert_same(&self.pull(&proxy.uri(), args), what);
        assert_eq!(proxy.injected(), planned);
        proxy
    }

    /// Asserts that the pull succeeded and wrote the expected files.
    fn assert_same(&self, ran: &Ran, what: &str) {
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        assert!(contents(&self.pulled()) == self.files, "{what}: the files differ");
        fs::remove_dir_all(self.pulled()).unwrap();
    }

    /// Writes the expected files to the folder to pull to.
    fn fill(&self) {
        fs::create_dir(self.pulled()).unwrap();
        for (name, bytes) in &self.files {
            fs::write(self.pulled().join(name), bytes).unwrap();
        }
    }

    /// Asserts that the pull failed with `code` and an error with all `parts`, and that the folder is as
    /// [`Self::fill`] left it.
    fn assert_failed(&self, ran: &Ran, code: i32, parts: &[&str]) {
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        self.assert_unchanged(ran, parts);
    }

    /// Asserts that the pull wrote an error with all `parts`, and that the folder is as [`Self::fill`] left it.
    fn assert_unchanged(&self, ran: &Ran, parts: &[&str]) {
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
        assert!(contents(&self.pulled()) == self.files, "the folder has changed");
    }
}

/// Returns `count` faults of the `kinds` in turn, at random positions among the first `bytes`.
fn faults(seed: u64, kinds: &[Fault], count: usize, bytes: u64) -> Vec<(u64, Fault)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let kinds = kinds.iter().cycle();
    kinds.take(count).map(|kind| (random.u64(..bytes), *kind)).collect()
}

#[test]
fn cut_and_reset_streams_are_resumed() {
    let fixture = PullFixture::new();
    let server = fixture.serve(&[]);
    for (seed, threads) in [(1, "1"), (2, "2"), (3, "4")] {
        let plan = faults(seed, &[Fault::Cut, Fault::Reset], 12, BYTES);
        let proxy = fixture.assert_survives(&server, plan, &["--threads", threads], &format!("seed {seed}"));
        assert!(proxy.received_bytes() > BYTES);
    }
}

/// With `--max-blocks 0`, the server sends blocks in parts, so streams also break within a block.
#[test]
fn a_stream_that_breaks_within_a_block_is_resumed() {
    let fixture = PullFixture::new();
    let server = fixture.serve(&["--max-blocks", "0"]);
    let plan = faults(12, &[Fault::Cut, Fault::Reset], 12, BYTES);
    fixture.assert_survives(&server, plan, &["--threads", "2"], "parts of blocks");
}

#[test]
fn faults_before_the_first_batch_are_survived() {
    let fixture = PullFixture::of(&["--customers", "2000"]);
    let server = fixture.serve(&[]);
    for seed in 0..8 {
        let plan = faults(seed, &[Fault::Reset, Fault::Cut], 3, FIRST_BYTES);
        fixture.assert_survives(&server, plan, &["--threads", "1"], &format!("seed {seed}"));
    }
}

/// The user learns soon that the port is wrong.
#[test]
fn a_server_that_never_answers_is_tried_four_times() {
    let fixture = PullFixture::of(&["--customers", "10"]);
    fixture.fill();
    let proxy = FaultProxy::new();
    let ran = fixture.pull(&proxy.uri(), &[]);
    fixture.assert_failed(&ran, 1, &[&proxy.uri()]);
    assert_eq!(proxy.accepted(), 4, "each try opens a connection");
}

#[test]
fn stalled_streams_are_resumed() {
    let fixture = PullFixture::new();
    let server = fixture.serve(&[]);
    let plan = faults(4, &[Fault::Stall], 3, BYTES);
    fixture.assert_survives(&server, plan, &["--threads", "2", "--stall-timeout", "1"], "stalled");
}

#[test]
fn connections_with_damaged_frames_are_replaced() {
    let fixture = PullFixture::new();
    let server = fixture.serve(&[]);
    let plan = faults(5, &[Fault::CorruptFrame], 12, BYTES);
    let proxy = fixture.assert_survives(&server, plan, &["--threads", "2"], "damaged");
    assert!(proxy.accepted() > 5, "most of the damages must cost a connection: {}", proxy.accepted());
}

/// Flight has no checksums, so a changed byte can become a wrong value. But the pull must not hang, panic or leave
/// half-written files, and `verify` must find the value.
#[test]
fn a_changed_byte_fails_the_pull_or_is_found_by_verify() {
    let fixture = PullFixture::of(&["--customers", "300"]);
    let server = fixture.serve(&[]);
    let proxy = FaultProxy::to(&server.uri);
    fixture.assert_same(&fixture.pull(&proxy.uri(), &["--threads", "1"]), "no faults");
    let bytes = proxy.received_bytes();
    let (mut failed, mut same, mut found) = (0, 0, 0);
    for seed in 0..24 {
        let proxy = FaultProxy::to(&server.uri);
        let position = FIRST_BYTES + fastrand::Rng::with_seed(seed).u64(..bytes - FIRST_BYTES);
        proxy.plan([(position, Fault::Corrupt)]);
        let args = ["--threads", "1", "--stall-timeout", "1", "--retries", "2"];
        let ran = fixture.pull(&proxy.uri(), &args);
        assert!(!ran.stderr.contains("panicked"), "{seed}: {}", ran.stderr);
        assert_eq!(proxy.injected(), 1);
        if ran.code != Some(0) {
            assert!(!fixture.pulled().exists(), "{seed}: {}", ran.stderr);
            failed += 1;
        } else if contents(&fixture.pulled()) == fixture.files {
            same += 1;
        } else {
            let verified = run_in(fixture.path(), &["verify", "--data", "pulled", "--exact"]);
            assert_eq!(verified.code, Some(1), "{seed}: {}", verified.stdout);
            found += 1;
        }
        let _ = fs::remove_dir_all(fixture.pulled());
    }
    assert!(found > 0, "most bytes are values, but {failed} pulls failed, and {same} wrote the right files");
}

/// Starts a pull, stalls it after `bytes` bytes, and kills its server.
fn pull_and_kill_server(fixture: &PullFixture, bytes: u64, more: &[&str]) -> (Child, FaultProxy) {
    let server = fixture.serve(&[]);
    let proxy = FaultProxy::to(&server.uri);
    proxy.plan([(bytes, Fault::Stall)]);
    let child = fixture.start_pull(&proxy.uri(), more);
    wait_until("a stall", || proxy.injected() == 1);
    proxy.refuse();
    server.stop("KILL");
    (child, proxy)
}

fn wait_for_tries(proxy: &FaultProxy) {
    let taken = proxy.accepted();
    wait_until("three more tries", || proxy.accepted() >= taken + 3);
}

/// The restarted server may have another default data set, because tickets name theirs.
#[test]
fn a_pull_continues_after_a_server_restart() {
    let fixture = PullFixture::new();
    for (bytes, args) in [(40 << 20, ["--customers", CUSTOMERS]), (70 << 20, ["--seed", "7"])] {
        let (child, proxy) = pull_and_kill_server(&fixture, bytes, &["--threads", "2", "--retries", "100"]);
        wait_for_tries(&proxy);
        let restarted = Serve::start(&args);
        proxy.switch(&restarted.uri);
        let ran = child.wait_with_output().unwrap().into();
        fixture.assert_same(&ran, args[0]);
    }
}

#[test]
fn a_restarted_server_with_another_model_is_refused() {
    let fixture = PullFixture::new();
    fixture.fill();
    let model = fixture.path().join("model.toml");
    fs::write(&model, "plans.Pro.price = 100.0").unwrap();
    let (child, proxy) = pull_and_kill_server(&fixture, 20 << 20, &["--threads", "2", "--retries", "100"]);
    let other = fixture.serve(&["--model", model.to_str().unwrap()]);
    proxy.switch(&other.uri);
    let ran = child.wait_with_output().unwrap().into();
    fixture.assert_failed(&ran, 2, &["fingerprint", &proxy.uri()]);
}

#[test]
fn a_pull_that_gives_up_reports_its_progress() {
    let fixture = PullFixture::new();
    fixture.fill();
    let (child, proxy) = pull_and_kill_server(&fixture, 32 << 20, &["--threads", "1", "--retries", "2"]);
    let ran = child.wait_with_output().unwrap().into();
    let parts = [
        "usage_daily, endpoint 2 of 3: gave up after 3 tries in a row without a batch, having read ",
        " rows, ",
        " of the customers 25601 to 51200",
        &proxy.uri(),
        "--retries",
        "--stall-timeout",
    ];
    fixture.assert_failed(&ran, 1, &parts);
}

#[test]
fn an_interrupt_ends_the_wait_for_a_server() {
    let fixture = PullFixture::new();
    fixture.fill();
    let (child, proxy) = pull_and_kill_server(&fixture, 32 << 20, &["--threads", "2", "--retries", "1000"]);
    wait_for_tries(&proxy);
    send_signal(&child, "INT");
    // Without the interrupt, a thousand waits of 5 s and more outlast the test.
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.signal, Some(SIGINT), "{}", ran.stderr);
    fixture.assert_unchanged(&ran, &["error: interrupted"]);
}

#[test]
fn streams_of_a_killed_replica_are_resumed_at_another() {
    let fixture = PullFixture::new();
    let proxies = [FaultProxy::new(), FaultProxy::new()];
    let advertised = proxies.each_ref().map(FaultProxy::uri).join(",");
    let [killed, other] = proxies.each_ref().map(|proxy| {
        let server = fixture.serve(&["--advertise", &advertised]);
        proxy.switch(&server.uri);
        server
    });
    proxies[0].plan([(10 << 20, Fault::Stall)]);
    let child = fixture.start_pull(&other.uri, &["--threads", "2"]);
    wait_until("a stall", || proxies[0].injected() == 1);
    proxies[0].refuse();
    let taken = proxies[0].accepted();
    killed.stop("KILL");
    let ran = child.wait_with_output().unwrap().into();
    fixture.assert_same(&ran, "one replica left");
    let tries = proxies[0].accepted() - taken;
    assert!(tries <= 1, "the killed replica was tried {tries} times more");
}

#[test]
fn readers_wait_for_the_only_stream_of_a_server() {
    let fixture = PullFixture::new();
    let server = fixture.serve(&["--max-streams", "1"]);
    let ran = fixture.pull(&server.uri, &["--threads", "4"]);
    fixture.assert_same(&ran, "one stream");
}

#[test]
fn endpoints_may_arrive_in_any_order() {
    let fixture = PullFixture::new();
    let server = fixture.serve(&[]);
    let proxy = FaultProxy::to(&server.uri);
    proxy.plan([(5 << 20, Fault::Hold)]);
    let child = fixture.start_pull(&proxy.uri(), &["--threads", "4"]);
    wait_until("the other endpoints", || proxy.received_bytes() > 20 << 20);
    assert_eq!(proxy.injected(), 1);
    proxy.release();
    let ran = child.wait_with_output().unwrap().into();
    fixture.assert_same(&ran, "held");
}

/// A table without customers can't be requested in part.
#[test]
fn the_stream_of_a_table_without_customers_starts_again() {
    let models = tempdir().unwrap();
    let model = models.path().join("model.toml");
    let plan = |i| format!("plans.P{i} = {{ share = 0, price = 1, active_share = 0.5, sessions = 1, minutes = 10 }}\n");
    let plans = iter::once("window.months = 120\n".to_string()).chain((100..196).map(plan));
    fs::write(&model, plans.collect::<String>()).unwrap();
    let fixture = PullFixture::of(&["--tables", "retention_curves", "--model", model.to_str().unwrap()]);
    let server = fixture.serve(&[]);
    let pull = ["--tables", "retention_curves"];
    let proxy = FaultProxy::to(&server.uri);
    fixture.assert_same(&fixture.pull(&proxy.uri(), &pull), "no faults");
    let bytes = proxy.received_bytes();
    assert!(bytes > 6 << 20, "{bytes} bytes are too few for several batches");
    for seed in 6..10 {
        let plan = faults(seed, &[Fault::Reset, Fault::Cut], 3, bytes);
        fixture.assert_survives(&server, plan, &pull, &format!("seed {seed}"));
    }
}

#[test]
fn verify_resumes_broken_streams() {
    let fixture = PullFixture::of(&["--customers", "5000"]);
    let server = fixture.serve(&[]);
    let proxy = FaultProxy::to(&server.uri);
    proxy.plan(faults(11, &[Fault::Reset, Fault::Cut], 5, 5 << 20));
    let ran = run_in(fixture.path(), &["verify", "--server", &proxy.uri()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(proxy.injected(), 5);
}
