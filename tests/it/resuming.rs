//! Pulls whose connections and servers fail: what they write is the same byte for byte, or nothing.

use crate::program::{Ran, Serve, contents, run_in, send_signal, start_in, succeed_in, wait_until};
use crate::proxy::{Fault, Proxy};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::{fs, iter};
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
    args: Vec<String>,
    expected: Vec<(String, Vec<u8>)>,
}

impl Folder {
    fn new() -> Self {
        Self::of(&["--customers", CUSTOMERS])
    }

    /// Of the data set, and the tables, that `args` of generate name.
    fn of(args: &[&str]) -> Self {
        let folder = tempdir().unwrap();
        succeed_in(folder.path(), &[&["generate", "--quiet", "--out", "expected"], args].concat());
        let expected = contents(&folder.path().join("expected"));
        Self { folder, args: args.iter().map(ToString::to_string).collect(), expected }
    }

    /// Serves the data set.
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

    /// Pulls from `server` while all that is planned befalls the connections: the files are those of `generate`.
    fn survive(&self, server: &Serve, plan: Vec<(u64, Fault)>, args: &[&str], what: &str) -> Proxy {
        let (proxy, planned) = (Proxy::to(&server.uri), plan.len());
        proxy.plan(plan);
        self.assert_same(&self.pull(&proxy.uri(), args), what);
        assert_eq!(proxy.befallen(), planned);
        proxy
    }

    /// The pull has done its work, and the files are those of `generate`.
    fn assert_same(&self, ran: &Ran, what: &str) {
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        assert!(contents(&self.pulled()) == self.expected, "{what}: other bytes");
        fs::remove_dir_all(self.pulled()).unwrap();
    }

    /// Puts the files of `generate` where a pull would replace them.
    fn fill(&self) {
        fs::create_dir(self.pulled()).unwrap();
        for (name, bytes) in &self.expected {
            fs::write(self.pulled().join(name), bytes).unwrap();
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
    let server = folder.serve(&[]);
    for (seed, threads) in [(1, "1"), (2, "2"), (3, "4")] {
        let plan = faults(seed, &[Fault::Cut, Fault::Reset], 12, BYTES);
        let proxy = folder.survive(&server, plan, &["--threads", threads], &format!("seed {seed}"));
        assert!(proxy.passed() > BYTES);
    }
}

/// Streams are cut in mid-block, too, and go on there.
#[test]
fn parts_of_blocks_go_on() {
    let folder = Folder::new();
    let server = folder.serve(&["--max-blocks", "0"]);
    let plan = faults(12, &[Fault::Cut, Fault::Reset], 12, BYTES);
    folder.survive(&server, plan, &["--threads", "2"], "in parts");
}

#[test]
fn faults_before_the_first_batch_are_survived() {
    let folder = Folder::of(&["--customers", "2000"]);
    let server = folder.serve(&[]);
    for seed in 0..8 {
        let plan = faults(seed, &[Fault::Reset, Fault::Cut], 3, FIRST_BYTES);
        folder.survive(&server, plan, &["--threads", "1"], &format!("seed {seed}"));
    }
}

/// A wrong port is told of soon.
#[test]
fn what_never_answers_is_asked_a_few_times() {
    let folder = Folder::of(&["--customers", "10"]);
    folder.fill();
    let proxy = Proxy::new();
    let ran = folder.pull(&proxy.uri(), &[]);
    folder.assert_failed(&ran, 1, &[&proxy.uri()]);
    assert_eq!(proxy.taken(), 4, "one connection a try");
}

#[test]
fn streams_that_stall_go_on() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let plan = faults(4, &[Fault::Stall], 3, BYTES);
    folder.survive(&server, plan, &["--threads", "2", "--stall-timeout", "1"], "stalled");
}

#[test]
fn connections_whose_frames_are_damaged_are_given_up() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let plan = faults(5, &[Fault::CorruptFrame], 12, BYTES);
    let proxy = folder.survive(&server, plan, &["--threads", "2"], "damaged");
    assert!(proxy.taken() > 5, "nearly each damage costs a connection: {}", proxy.taken());
}

/// A changed value is a value: no checksum says that it is another. But nothing hangs or panics, nothing is left
/// half-written, and `verify` finds it.
#[test]
fn a_changed_byte_is_noticed_or_found_by_verify() {
    let folder = Folder::of(&["--customers", "300"]);
    let server = folder.serve(&[]);
    let proxy = Proxy::to(&server.uri);
    folder.assert_same(&folder.pull(&proxy.uri(), &["--threads", "1"]), "unharmed");
    let bytes = proxy.passed();
    let mut outcomes = [0; 3];
    for seed in 0..24 {
        let proxy = Proxy::to(&server.uri);
        let place = FIRST_BYTES + fastrand::Rng::with_seed(seed).u64(..bytes - FIRST_BYTES);
        proxy.plan([(place, Fault::Corrupt)]);
        let patience = ["--threads", "1", "--stall-timeout", "1", "--retries", "2"];
        let ran = folder.pull(&proxy.uri(), &patience);
        assert!(!ran.stderr.contains("panicked"), "{seed}: {}", ran.stderr);
        assert_eq!(proxy.befallen(), 1);
        if ran.code != Some(0) {
            assert!(!folder.pulled().exists(), "{seed}: {}", ran.stderr);
            outcomes[0] += 1;
        } else if contents(&folder.pulled()) == folder.expected {
            outcomes[1] += 1;
        } else {
            let verified = run_in(folder.path(), &["verify", "--data", "pulled", "--exact"]);
            assert_eq!(verified.code, Some(1), "{seed}: {}", verified.stdout);
            outcomes[2] += 1;
        }
        let _ = fs::remove_dir_all(folder.pulled());
    }
    assert!(outcomes[2] > 0, "most bytes are values: {outcomes:?}");
}

/// Starts a pull that has come to a stall at so many bytes, and kills its server.
fn pull_without_a_server(folder: &Folder, bytes: u64, more: &[&str]) -> (Child, Proxy) {
    let server = folder.serve(&[]);
    let proxy = Proxy::to(&server.uri);
    proxy.plan([(bytes, Fault::Stall)]);
    let child = folder.start(&proxy.uri(), more);
    wait_until("a stall", || proxy.befallen() == 1);
    proxy.refuse();
    server.stop("KILL");
    (child, proxy)
}

fn wait_for_tries(proxy: &Proxy) {
    let taken = proxy.taken();
    wait_until("another few tries", || proxy.taken() >= taken + 3);
}

/// What the new server has by default is another data set: tickets name theirs.
#[test]
fn a_server_killed_and_started_again_is_gone_on_with() {
    let folder = Folder::new();
    for (bytes, args) in [(40 << 20, ["--customers", CUSTOMERS]), (70 << 20, ["--seed", "7"])] {
        let (child, proxy) = pull_without_a_server(&folder, bytes, &["--threads", "2", "--retries", "100"]);
        wait_for_tries(&proxy);
        let again = Serve::start(&args);
        proxy.switch(&again.uri);
        let ran = child.wait_with_output().unwrap().into();
        folder.assert_same(&ran, args[0]);
    }
}

#[test]
fn a_server_of_another_model_is_not_gone_on_with() {
    let folder = Folder::new();
    folder.fill();
    let model = folder.path().join("model.toml");
    fs::write(&model, "plans.Pro.price = 100.0").unwrap();
    let (child, proxy) = pull_without_a_server(&folder, 20 << 20, &["--threads", "2", "--retries", "100"]);
    let other = folder.serve(&["--model", model.to_str().unwrap()]);
    proxy.switch(&other.uri);
    let ran = child.wait_with_output().unwrap().into();
    folder.assert_failed(&ran, 2, &["fingerprint", &proxy.uri()]);
}

#[test]
fn what_nobody_goes_on_with_ends_with_how_far_it_came() {
    let folder = Folder::new();
    folder.fill();
    let (child, proxy) = pull_without_a_server(&folder, 32 << 20, &["--threads", "1", "--retries", "2"]);
    let ran = child.wait_with_output().unwrap().into();
    let parts = [
        "usage_daily, endpoint 2 of 3: gave up after 3 tries in a row without a batch, having read ",
        " rows, ",
        " of the customers 25601 to 51200",
        &proxy.uri(),
        "--retries",
        "--stall-timeout",
    ];
    folder.assert_failed(&ran, 1, &parts);
}

#[test]
fn an_interrupt_ends_the_waiting() {
    let folder = Folder::new();
    folder.fill();
    let (child, proxy) = pull_without_a_server(&folder, 32 << 20, &["--threads", "2", "--retries", "1000"]);
    wait_for_tries(&proxy);
    send_signal(&child, "INT");
    // A thousand waits of 5 s and more would outlast the test.
    let ran = child.wait_with_output().unwrap().into();
    folder.assert_failed(&ran, 1, &["error: interrupted"]);
}

#[test]
fn a_replica_that_is_killed_costs_its_streams_alone() {
    let folder = Folder::new();
    let proxies = [Proxy::new(), Proxy::new()];
    let advertised = proxies.each_ref().map(Proxy::uri).join(",");
    let [killed, other] = proxies.each_ref().map(|proxy| {
        let server = folder.serve(&["--advertise", &advertised]);
        proxy.switch(&server.uri);
        server
    });
    proxies[0].plan([(10 << 20, Fault::Stall)]);
    let child = folder.start(&other.uri, &["--threads", "2"]);
    wait_until("a stall", || proxies[0].befallen() == 1);
    proxies[0].refuse();
    let taken = proxies[0].taken();
    killed.stop("KILL");
    let ran = child.wait_with_output().unwrap().into();
    folder.assert_same(&ran, "one replica");
    let tries = proxies[0].taken() - taken;
    assert!(tries <= 1, "the dead replica was asked {tries} times more");
}

#[test]
fn readers_wait_for_a_server_with_room_for_one() {
    let folder = Folder::new();
    let server = folder.serve(&["--max-streams", "1"]);
    let ran = folder.pull(&server.uri, &["--threads", "4"]);
    folder.assert_same(&ran, "one at a time");
}

#[test]
fn connections_may_come_in_any_order() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let proxy = Proxy::to(&server.uri);
    proxy.plan([(5 << 20, Fault::Hold)]);
    let child = folder.start(&proxy.uri(), &["--threads", "4"]);
    wait_until("the others are ahead", || proxy.passed() > 20 << 20);
    assert_eq!(proxy.befallen(), 1);
    proxy.release();
    let ran = child.wait_with_output().unwrap().into();
    folder.assert_same(&ran, "held");
}

/// A table without customers can't be asked for in part.
#[test]
fn a_table_without_customers_is_begun_again() {
    let models = tempdir().unwrap();
    let model = models.path().join("model.toml");
    let plan = |i| format!("plans.P{i} = {{ share = 0, price = 1, active_share = 0.5, sessions = 1, minutes = 10 }}\n");
    let plans = iter::once("window.months = 120\n".to_string()).chain((100..196).map(plan));
    fs::write(&model, plans.collect::<String>()).unwrap();
    let folder = Folder::of(&["--tables", "retention_curves", "--model", model.to_str().unwrap()]);
    let server = folder.serve(&[]);
    let pull = ["--tables", "retention_curves"];
    let proxy = Proxy::to(&server.uri);
    folder.assert_same(&folder.pull(&proxy.uri(), &pull), "unharmed");
    let bytes = proxy.passed();
    assert!(bytes > 6 << 20, "{bytes}: it has several batches");
    for seed in 6..10 {
        let plan = faults(seed, &[Fault::Reset, Fault::Cut], 3, bytes);
        folder.survive(&server, plan, &pull, &format!("seed {seed}"));
    }
}

#[test]
fn what_verify_reads_goes_on_too() {
    let folder = Folder::of(&["--customers", "5000"]);
    let server = folder.serve(&[]);
    let proxy = Proxy::to(&server.uri);
    proxy.plan(faults(11, &[Fault::Reset, Fault::Cut], 5, 5 << 20));
    let ran = run_in(folder.path(), &["verify", "--server", &proxy.uri()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(proxy.befallen(), 5);
}
