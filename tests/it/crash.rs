//! Runs that are killed at seeded random moments: the folder holds the old files or the new ones, byte for byte.

use crate::program::{Ran, Serve, run_in, send_signal, start_in, succeed_in};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// Random numbers that are the same in each run: SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// All files below `folder` with their bytes, leftovers left out.
pub fn whole(folder: &Path) -> Files {
    let mut files = below(folder);
    files.retain(|path, _| !is_leftover(path));
    files
}

fn is_leftover(path: &Path) -> bool {
    path.iter().any(|name| name.to_str().unwrap().ends_with(".inprogress"))
}

fn below(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            files.extend(below(&path).into_iter().map(|(file, bytes)| (name.join(file), bytes)));
        } else {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
    files
}

/// The names of leftovers below `folder`.
pub fn leftovers(folder: &Path) -> Vec<PathBuf> {
    below(folder).into_keys().filter(|path| is_leftover(path)).collect()
}

/// Rounds whose kills may miss what they are meant to hit: disks and machines differ in speed. At least `least` of
/// them, and more until one returns that everything was hit `enough` times.
fn rounds_until_hit<const N: usize>(least: usize, enough: usize, mut round: impl FnMut(usize) -> [usize; N]) {
    let most = 20 * least;
    let mut hits = [0; N];
    for number in 0..most {
        if number >= least && hits.iter().all(|&hits| hits >= enough) {
            return;
        }
        hits = round(number);
    }
    panic!("{most} rounds hit what they were meant to {hits:?} times, and not {enough}");
}

/// How long a run takes, which must succeed.
fn length_of_run(folder: &Path, args: &[&str]) -> Duration {
    let start = Instant::now();
    succeed_in(folder, args);
    start.elapsed()
}

/// When to strike.
#[derive(Clone, Copy)]
enum Moment<'a> {
    /// So long after the start.
    After(Duration),
    /// So long after something stands at a path.
    Sign(&'a Path, Duration),
}

impl Moment<'_> {
    /// Waits for it, or for the end of the run.
    fn wait(self, child: &mut Child) {
        let mut spin_until = |is_so: &dyn Fn() -> bool| {
            while !is_so() && child.try_wait().unwrap().is_none() {}
        };
        let wait = match self {
            Moment::After(wait) => wait,
            Moment::Sign(sign, wait) => {
                spin_until(&|| sign.symlink_metadata().is_ok());
                wait
            }
        };
        let start = Instant::now();
        spin_until(&|| start.elapsed() >= wait);
    }
}

/// A folder `out` with files of somebody's, to be written over and over.
struct Rounds<'a> {
    parent: &'a Path,
    /// The two runs that write by turns, each over what the other wrote, and what each gives.
    runs: [Vec<&'a str>; 2],
    gives: [Files; 2],
    /// How long the last unhurt run took.
    length: Duration,
    random: Random,
    /// How often the old set stayed, and the new one came, and a commit was cut off.
    seen: [usize; 3],
}

impl<'a> Rounds<'a> {
    fn new(parent: &'a Path, seed: u64, runs: [Vec<&'a str>; 2]) -> Self {
        let out = parent.join("out");
        fs::create_dir_all(out.join("mine/deep")).unwrap();
        fs::write(out.join("mine/deep/notes.txt"), "precious").unwrap();
        fs::write(out.join("notes.inprogress.txt"), "precious").unwrap();
        let mut length = Duration::ZERO;
        let gives = [0, 1].map(|run: usize| {
            length = length_of_run(parent, &runs[run]);
            whole(&out)
        });
        assert_ne!(gives[0], gives[1]);
        Self { parent, runs, gives, length, random: Random(seed), seen: [0; 3] }
    }

    fn out(&self) -> PathBuf {
        self.parent.join("out")
    }

    fn cover(&self) -> PathBuf {
        self.parent.join(".out.saasgen.inprogress")
    }

    /// One after the other: any time of the run, and its end, as `sign` tells, give or take.
    fn moment<'m>(&mut self, round: usize, sign: &'m Path) -> Moment<'m> {
        let micros = |duration: Duration| duration.as_micros() as u64;
        if round.is_multiple_of(2) {
            let length = micros(self.length) * 5 / 4;
            Moment::After(Duration::from_micros(self.random.below(length)))
        } else {
            // What is interesting is over within some syncs.
            let length = [20, 200, 5_000][self.random.below(3) as usize];
            Moment::Sign(sign, Duration::from_micros(self.random.below(length)))
        }
    }

    /// Starts the run that is next and strikes; the folder then holds the old set or the new one.
    fn strike(&mut self, round: usize, signal: &str) -> Ran {
        let (parent, cover) = (self.parent, self.cover());
        let moment = self.moment(round, &cover);
        let mut child = start_in(parent, &self.runs[round % 2]);
        moment.wait(&mut child);
        match signal {
            "KILL" => child.kill().unwrap(),
            signal if child.try_wait().unwrap().is_none() => send_signal(&child, signal),
            _ => {}
        }
        let ran: Ran = child.wait_with_output().unwrap().into();
        let there = whole(&self.out());
        let [new, old] = [round % 2, 1 - round % 2].map(|run| &self.gives[run]);
        let is_new = there == *new;
        let names: Vec<&PathBuf> = there.keys().collect();
        assert!(is_new || there == *old, "round {round}: neither old nor new: {names:?}\n{}", ran.stderr);
        match ran.code {
            Some(0) => assert!(is_new, "round {round}: said to be done"),
            Some(_) => assert!(!is_new, "round {round}: said to have failed"),
            None => {}
        }
        self.seen[usize::from(is_new)] += 1;
        self.seen[2] += usize::from(cover.exists());
        ran
    }

    /// A run that is refused, as it is of a third data set.
    fn refused_run(&self) {
        let ran = run_in(self.parent, &[&generate("3")[..], &["--tables", "customers"]].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    }

    /// A run that is killed at one of the `signs` of its commit, of which the first is the record, and carried on by a
    /// few steps. Returns whether it was done before.
    fn torn_run(&mut self, round: usize, signs: &[PathBuf; 2]) -> bool {
        let moment = self.moment(round | 1, &signs[round / 2 % 2]);
        let mut child = start_in(self.parent, &self.runs[round % 2]);
        moment.wait(&mut child);
        child.kill().unwrap();
        let done = child.wait().unwrap().success();
        go_on(&self.parent.join("out"), &signs[0], self.random.below(9) as usize);
        done
    }

    /// The next run clears what is left and gives the new set.
    fn next_run(&mut self, round: usize) {
        self.length = length_of_run(self.parent, &self.runs[round % 2]);
        let there = below(&self.out());
        assert!(there == self.gives[round % 2], "round {round}: {:?}", there.keys());
        assert_eq!(fs::read_dir(self.parent).unwrap().count(), 1, "nothing is left beside the folder");
    }
}

fn kill_at_100_moments_or_more(seed: u64, runs: [Vec<&str>; 2]) {
    let folder = tempdir().unwrap();
    let mut rounds = Rounds::new(folder.path(), seed, runs);
    rounds_until_hit(100, 5, |round| {
        rounds.strike(round, "KILL");
        if rounds.cover().exists() && round % 4 < 2 {
            let there = whole(&rounds.out());
            rounds.refused_run();
            assert!(!rounds.cover().exists() && whole(&rounds.out()) == there, "round {round}");
        }
        if round % 20 == 1 {
            succeed_in(folder.path(), &["verify", "--data", "out", "--exact"]);
        }
        rounds.next_run(round);
        rounds.seen
    });
}

fn generate(seed: &str) -> Vec<&str> {
    vec!["generate", "--customers", "300", "--quiet", "--out", "out", "--seed", seed]
}

#[test]
fn a_kill_of_generate_leaves_the_old_set_or_the_new_one() {
    kill_at_100_moments_or_more(1, [generate("1"), generate("2")]);
}

#[test]
fn a_kill_of_pull_leaves_the_old_set_or_the_new_one() {
    let server = Serve::start(&["--customers", "300"]);
    let pull = |seed| vec!["pull", "--server", server.uri.as_str(), "--quiet", "--out", "out", "--seed", seed];
    kill_at_100_moments_or_more(2, [pull("1"), pull("2")]);
}

#[test]
fn a_signal_leaves_the_old_set_or_the_new_one_and_nothing_else() {
    let server = Serve::start(&["--customers", "300"]);
    let pull = |seed| vec!["pull", "--server", server.uri.as_str(), "--quiet", "--out", "out", "--seed", seed];
    for (seed, runs) in [(3, [generate("1"), generate("2")]), (4, [pull("1"), pull("2")])] {
        let folder = tempdir().unwrap();
        let mut rounds = Rounds::new(folder.path(), seed, runs);
        for round in 0..24 {
            rounds.strike(round, if round % 4 < 2 { "INT" } else { "TERM" });
            assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new(), "round {round}");
            rounds.next_run(round);
        }
    }
}

/// Goes on with a commit that was killed before its first step, so many steps, as its `record` says: a kill hits so short a time seldom.
fn go_on(folder: &Path, record: &Path, steps: usize) {
    let Ok(text) = fs::read(record) else { return };
    let Ok(journal) = serde_json::from_slice::<serde_json::Value>(&text) else { return };
    let names = |list: &str| -> Vec<String> {
        journal[list].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_string()).collect()
    };
    let away = |name: &String| (name.clone(), format!("{name}.old.inprogress"));
    let place = |name: &String| [away(name), (format!("{name}.inprogress"), name.clone())];
    let (remove, place_all) = (names("remove"), names("place"));
    let is_begun = remove.iter().map(away).any(|(_, backup)| folder.join(backup).exists())
        || place_all.iter().any(|name| !folder.join(format!("{name}.inprogress")).exists());
    if is_begun {
        return;
    }
    for (from, to) in remove.iter().map(away).chain(place_all.iter().flat_map(place)).take(steps) {
        // Some have no old file.
        let _ = fs::rename(folder.join(from), folder.join(to));
    }
}

/// A folder can't change in one step where something stands in the way of its cover, as where it is a mount point: a
/// kill leaves a record then, which any next run carries out before it does or refuses anything.
#[test]
fn where_files_are_put_in_place_one_by_one_the_next_run_finishes_it() {
    let folder = tempdir().unwrap();
    let (path, out) = (folder.path(), folder.path().join("out"));
    let mut rounds = Rounds::new(path, 5, [generate("1"), generate("2")]);
    fs::write(path.join(".out.saasgen.inprogress"), "in the way").unwrap();
    // The record, and what is moved away first.
    let signs = ["commit.inprogress", "manifest.json.old.inprogress"].map(|name| out.join(name));
    let mut torn = 0;
    rounds_until_hit(24, 3, |round| {
        let done = rounds.torn_run(round, &signs);
        if out.join("commit.inprogress").exists() {
            torn += usize::from(!out.join("manifest.json").exists());
            let ran = run_in(path, &["verify", "--data", "out"]);
            assert_eq!(ran.code, Some(1), "{}", ran.stderr);
            assert!(ran.stderr.contains("being replaced"), "{}", ran.stderr);
        }
        rounds.refused_run();
        let there = whole(&out);
        let [new, old] = [round % 2, 1 - round % 2].map(|run| &rounds.gives[run]);
        assert!(there == *new || (there == *old && !done), "round {round}: {:?}", there.keys());
        succeed_in(path, &rounds.runs[round % 2]);
        assert!(below(&out) == *new, "round {round}");
        [torn]
    });
}

/// A part with a manifest is whole; one without is made again, or finished by the next run of any part.
#[test]
fn a_kill_of_a_part_leaves_no_manifest_to_files_that_are_not_its_own() {
    let folder = tempdir().unwrap();
    let (path, out) = (folder.path(), folder.path().join("out"));
    let part = |part, compression| {
        let args = ["generate", "--customers", "300", "--quiet", "--out", "out", "--parts", "2"];
        [&args[..], &["--part", part, "--compression", compression]].concat()
    };
    succeed_in(path, &part("2", "none"));
    let other = whole(&out);
    let runs = ["zstd", "snappy"].map(|compression| part("1", compression));
    let mut rounds = Rounds::new(path, 6, [runs[1].clone(), runs[0].clone()]);
    let manifest = Path::new("manifest-part-00001-of-00002.json");
    // The record, and what is moved away first.
    let signs = ["commit-part-00001-of-00002.inprogress", "manifest-part-00001-of-00002.json.old.inprogress"]
        .map(|name| out.join(name));
    let mut torn = 0;
    rounds_until_hit(24, 3, |round| {
        rounds.torn_run(round, &signs);
        let there = whole(&out);
        let [new, old] = [round % 2, 1 - round % 2].map(|run| &rounds.gives[run]);
        assert!(other.iter().all(|(name, bytes)| there.get(name) == Some(bytes)), "the other part is as it was");
        if there.contains_key(manifest) {
            assert!(there == *new || there == *old, "round {round}: {:?}", there.keys());
        } else {
            torn += 1;
            let whole_files =
                |(name, bytes): (&PathBuf, &Vec<u8>)| [new, old].iter().any(|set| set.get(name) == Some(bytes));
            assert!(there.iter().all(whole_files), "round {round}: no file is half-written");
            assert_eq!(run_in(path, &["verify", "--data", "out"]).code, Some(1));
            if round % 3 == 0 {
                // The other part's next run finishes it.
                succeed_in(path, &part("2", "none"));
                assert!(whole(&out) == *new, "round {round}");
            }
        }
        succeed_in(path, &rounds.runs[round % 2]);
        assert!(below(&out) == *new, "round {round}: {:?}", below(&out).keys());
        if round % 10 == 0 {
            succeed_in(path, &["verify", "--data", "out", "--exact"]);
        }
        [torn]
    });
}

#[test]
fn a_kill_of_verify_leaves_the_old_report_or_the_new_one() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let mut random = Random(7);
    for seed in ["1", "2"] {
        succeed_in(path, &["generate", "--customers", "300", "--quiet", "--seed", seed, "--out", seed]);
    }
    let verify = |seed| ["verify", "--data", seed, "--report", "report.html"];
    let report = || fs::read(path.join("report.html")).unwrap();
    let length = length_of_run(path, &verify("1")).as_micros() as u64;
    let first = report();
    succeed_in(path, &verify("2"));
    let gives = [first, report()];
    assert_ne!(gives[0], gives[1]);
    let sign = path.join("report.html.inprogress");
    for round in 0..20 {
        let wait = Duration::from_micros(random.below(if round % 4 < 2 { length } else { 500 }));
        let mut child = start_in(path, &verify(["1", "2"][round % 2]));
        if round % 4 < 2 { Moment::After(wait) } else { Moment::Sign(&sign, wait) }.wait(&mut child);
        child.kill().unwrap();
        child.wait_with_output().unwrap();
        assert!(gives.contains(&report()), "round {round}");
        succeed_in(path, &verify(["1", "2"][round % 2]));
        assert!(report() == gives[round % 2], "round {round}");
        assert!(!sign.exists());
    }
}
