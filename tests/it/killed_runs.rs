//! Runs that are killed at seeded random moments. The folder then holds the old files or the new ones, byte for byte.

use crate::file_tree::{FileTree, all_files, final_files, leftovers};
use crate::program::{Ran, Serve, run_in, send_signal, start_in, succeed_in};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// Repeats `round`, at least `min_rounds` times, until each of the counts that it returns is at least `enough`. The
/// counts are of rounds in which the kill came at an interesting moment. Disks and machines differ in speed, so a kill
/// may miss it.
fn repeat_until_hit<const N: usize>(min_rounds: usize, enough: usize, mut round: impl FnMut(usize) -> [usize; N]) {
    let max_rounds = 20 * min_rounds;
    let mut hits = [0; N];
    for number in 0..max_rounds {
        if number >= min_rounds && hits.iter().all(|&hits| hits >= enough) {
            return;
        }
        hits = round(number);
    }
    panic!("{max_rounds} rounds hit {hits:?} times, not {enough} times each");
}

/// Runs the program, which must succeed, and returns its run time.
fn run_time(folder: &Path, args: &[&str]) -> Duration {
    let start = Instant::now();
    succeed_in(folder, args);
    start.elapsed()
}

/// The moment of a kill.
#[derive(Clone, Copy)]
enum Moment<'a> {
    /// A time after the start.
    AfterStart(Duration),
    /// A time after a file or folder appears at a path.
    AfterFile(&'a Path, Duration),
}

impl Moment<'_> {
    /// Waits for the moment or for the end of the run.
    fn wait(self, child: &mut Child) {
        let mut spin_until = |is_reached: &dyn Fn() -> bool| {
            while !is_reached() && child.try_wait().unwrap().is_none() {}
        };
        let wait = match self {
            Moment::AfterStart(wait) => wait,
            Moment::AfterFile(file, wait) => {
                spin_until(&|| file.symlink_metadata().is_ok());
                wait
            }
        };
        let start = Instant::now();
        spin_until(&|| start.elapsed() >= wait);
    }
}

/// Two runs that write the folder `out` in turn. The folder also has files of somebody else.
struct Rounds<'a> {
    parent: &'a Path,
    /// The arguments of the two runs.
    runs: [Vec<&'a str>; 2],
    /// The files that each of the two runs gives.
    results: [FileTree; 2],
    /// The time of the last run that was not killed.
    run_time: Duration,
    random: fastrand::Rng,
    /// The number of rounds after which the folder held the old files, held the new files, and had a sibling folder.
    outcomes: [usize; 3],
}

impl<'a> Rounds<'a> {
    fn new(parent: &'a Path, seed: u64, runs: [Vec<&'a str>; 2]) -> Self {
        let out = parent.join("out");
        fs::create_dir_all(out.join("mine/deep")).unwrap();
        fs::write(out.join("mine/deep/notes.txt"), "precious").unwrap();
        fs::write(out.join("notes.inprogress.txt"), "precious").unwrap();
        let mut length = Duration::ZERO;
        let results = [0, 1].map(|run: usize| {
            length = run_time(parent, &runs[run]);
            final_files(&out)
        });
        assert_ne!(results[0], results[1]);
        Self { parent, runs, results, run_time: length, random: fastrand::Rng::with_seed(seed), outcomes: [0; 3] }
    }

    fn out(&self) -> PathBuf {
        self.parent.join("out")
    }

    /// The sibling folder of a directory swap.
    fn sibling(&self) -> PathBuf {
        self.parent.join(".out.saasgen.inprogress")
    }

    /// Returns a random time of the run in even rounds. In odd rounds, returns a time shortly after `file` appears,
    /// which is at the end of the run.
    fn moment<'m>(&mut self, round: usize, file: &'m Path) -> Moment<'m> {
        if round.is_multiple_of(2) {
            let micros = self.run_time.as_micros() as u64 * 5 / 4;
            Moment::AfterStart(Duration::from_micros(self.random.u64(..micros)))
        } else {
            // The commit takes as long as a few syncs.
            let micros = [20, 200, 5_000][self.random.usize(..3)];
            Moment::AfterFile(file, Duration::from_micros(self.random.u64(..micros)))
        }
    }

    /// Starts a run, sends it a signal at a random moment, and checks that the folder holds the old or the new files.
    fn run_with_signal(&mut self, round: usize, signal: &str) -> Ran {
        let (parent, sibling) = (self.parent, self.sibling());
        let moment = self.moment(round, &sibling);
        let mut child = start_in(parent, &self.runs[round % 2]);
        moment.wait(&mut child);
        match signal {
            "KILL" => child.kill().unwrap(),
            signal if child.try_wait().unwrap().is_none() => send_signal(&child, signal),
            _ => {}
        }
        let ran: Ran = child.wait_with_output().unwrap().into();
        let files = final_files(&self.out());
        let [new, old] = [round % 2, 1 - round % 2].map(|run| &self.results[run]);
        let is_new = files == *new;
        let names: Vec<&PathBuf> = files.keys().collect();
        assert!(is_new || files == *old, "round {round}: neither the old nor the new files: {names:?}\n{}", ran.stderr);
        match ran.code {
            Some(0) => assert!(is_new, "round {round}: exit code 0, but the old files"),
            Some(_) => assert!(!is_new, "round {round}: an error, but the new files"),
            None if ran.stderr.contains("had already done its work") => assert!(is_new, "round {round}: done, but old"),
            None if ran.stderr.contains("interrupted") => assert!(!is_new, "round {round}: interrupted, but new files"),
            None => {}
        }
        self.outcomes[usize::from(is_new)] += 1;
        self.outcomes[2] += usize::from(sibling.exists());
        ran
    }

    /// Starts a run that is refused because it is of a third data set.
    fn refused_run(&self) {
        let third = ["generate", "--customers", "300", "--out", "out", "--seed", "3"];
        let ran = run_in(self.parent, &third);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    }

    /// Starts a run and kills it shortly after one of two files appears: its journal, or the backup of the first file
    /// that it replaces. Then does a few steps of the commit. Returns whether the run was complete before the kill.
    fn killed_commit(&mut self, round: usize, [journal, first_backup]: &[PathBuf; 2]) -> bool {
        let moment = self.moment(round | 1, if (round / 2).is_multiple_of(2) { journal } else { first_backup });
        let mut child = start_in(self.parent, &self.runs[round % 2]);
        moment.wait(&mut child);
        child.kill().unwrap();
        let is_complete = child.wait().unwrap().success();
        do_commit_steps(&self.parent.join("out"), journal, self.random.usize(..9));
        is_complete
    }

    /// Starts the next run and checks that it removes leftovers and gives the new files.
    fn next_run(&mut self, round: usize) {
        self.run_time = run_time(self.parent, &self.runs[round % 2]);
        let files = all_files(&self.out());
        assert!(files == self.results[round % 2], "round {round}: {:?}", files.keys());
        assert_eq!(fs::read_dir(self.parent).unwrap().count(), 1, "nothing is left beside the folder");
    }
}

/// Kills runs at 100 or more moments.
fn check_killed_runs(seed: u64, runs: [Vec<&str>; 2]) {
    let folder = tempdir().unwrap();
    let mut rounds = Rounds::new(folder.path(), seed, runs);
    repeat_until_hit(100, 5, |round| {
        rounds.run_with_signal(round, "KILL");
        if rounds.sibling().exists() && round % 4 < 2 {
            let files = final_files(&rounds.out());
            rounds.refused_run();
            assert!(!rounds.sibling().exists() && final_files(&rounds.out()) == files, "round {round}");
        }
        if round % 20 == 1 {
            succeed_in(folder.path(), &["verify", "--data", "out", "--exact"]);
        }
        rounds.next_run(round);
        rounds.outcomes
    });
}

fn generate(seed: &str) -> Vec<&str> {
    vec!["generate", "--customers", "300", "--quiet", "--overwrite", "--out", "out", "--seed", seed]
}

#[test]
fn a_killed_generate_leaves_the_old_or_the_new_files() {
    check_killed_runs(1, [generate("1"), generate("2")]);
}

#[test]
fn a_killed_pull_leaves_the_old_or_the_new_files() {
    let server = Serve::start(&["--customers", "300"]);
    let pull =
        |seed| vec!["pull", "--server", server.uri.as_str(), "--quiet", "--overwrite", "--out", "out", "--seed", seed];
    check_killed_runs(2, [pull("1"), pull("2")]);
}

#[test]
fn a_signal_leaves_the_old_or_the_new_files_and_no_leftovers() {
    let server = Serve::start(&["--customers", "300"]);
    let pull =
        |seed| vec!["pull", "--server", server.uri.as_str(), "--quiet", "--overwrite", "--out", "out", "--seed", seed];
    for (seed, runs) in [(3, [generate("1"), generate("2")]), (4, [pull("1"), pull("2")])] {
        let folder = tempdir().unwrap();
        let mut rounds = Rounds::new(folder.path(), seed, runs);
        for round in 0..24 {
            rounds.run_with_signal(round, if round % 4 < 2 { "INT" } else { "TERM" });
            assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new(), "round {round}");
            rounds.next_run(round);
        }
    }
}

/// Does the first `steps` steps of a commit that was killed after it had written `journal` and before its first step. A
/// kill rarely comes between the steps, because they take little time.
fn do_commit_steps(folder: &Path, journal: &Path, steps: usize) {
    let Ok(text) = fs::read(journal) else { return };
    let Ok(journal) = serde_json::from_slice::<serde_json::Value>(&text) else { return };
    let names = |list: &str| -> Vec<String> {
        journal[list].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_string()).collect()
    };
    let move_away = |name: &String| (name.clone(), format!("{name}.old.inprogress"));
    let replace = |name: &String| [move_away(name), (format!("{name}.inprogress"), name.clone())];
    let (removed, replaced) = (names("remove"), names("place"));
    let is_begun = removed.iter().map(move_away).any(|(_, backup)| folder.join(backup).exists())
        || replaced.iter().any(|name| !folder.join(format!("{name}.inprogress")).exists());
    if is_begun {
        return;
    }
    for (from, to) in removed.iter().map(move_away).chain(replaced.iter().flat_map(replace)).take(steps) {
        // Fails if there is no old file.
        let _ = fs::rename(folder.join(from), folder.join(to));
    }
}

/// A directory swap is impossible if something already has the sibling's name. It is also impossible for a mount point.
/// Then a kill leaves a journal, and every next run finishes the commit first, even a run that is refused.
#[test]
fn the_next_run_finishes_a_killed_commit_by_renames() {
    let folder = tempdir().unwrap();
    let (path, out) = (folder.path(), folder.path().join("out"));
    let mut rounds = Rounds::new(path, 5, [generate("1"), generate("2")]);
    fs::write(path.join(".out.saasgen.inprogress"), "in the way").unwrap();
    let journal_and_backup = ["commit.inprogress", "manifest.json.old.inprogress"].map(|name| out.join(name));
    let mut unfinished = 0;
    repeat_until_hit(24, 3, |round| {
        let is_complete = rounds.killed_commit(round, &journal_and_backup);
        if out.join("commit.inprogress").exists() {
            unfinished += usize::from(!out.join("manifest.json").exists());
            let ran = run_in(path, &["verify", "--data", "out"]);
            assert_eq!(ran.code, Some(1), "{}", ran.stderr);
            assert!(ran.stderr.contains("being replaced"), "{}", ran.stderr);
        }
        rounds.refused_run();
        let files = final_files(&out);
        let [new, old] = [round % 2, 1 - round % 2].map(|run| &rounds.results[run]);
        assert!(files == *new || (files == *old && !is_complete), "round {round}: {:?}", files.keys());
        succeed_in(path, &rounds.runs[round % 2]);
        assert!(all_files(&out) == *new, "round {round}");
        [unfinished]
    });
}

/// A part with a manifest is complete. A part without one is finished by the next run of any part, or written again.
#[test]
fn a_killed_part_never_has_a_manifest_of_other_files() {
    let folder = tempdir().unwrap();
    let (path, out) = (folder.path(), folder.path().join("out"));
    let part = |part, compression| {
        let args = ["generate", "--customers", "300", "--quiet", "--out", "out", "--parts", "2"];
        [&args[..], &["--part", part, "--compression", compression]].concat()
    };
    succeed_in(path, &part("2", "none"));
    let other_part = final_files(&out);
    let runs = ["zstd", "snappy"].map(|compression| part("1", compression));
    let mut rounds = Rounds::new(path, 6, [runs[1].clone(), runs[0].clone()]);
    let manifest = Path::new("manifest-part-00001-of-00002.json");
    let journal_and_backup =
        ["commit-part-00001-of-00002.inprogress", "manifest-part-00001-of-00002.json.old.inprogress"]
            .map(|name| out.join(name));
    let mut unfinished = 0;
    repeat_until_hit(24, 3, |round| {
        rounds.killed_commit(round, &journal_and_backup);
        let files = final_files(&out);
        let [new, old] = [round % 2, 1 - round % 2].map(|run| &rounds.results[run]);
        assert!(other_part.iter().all(|(name, bytes)| files.get(name) == Some(bytes)), "the other part has changed");
        if files.contains_key(manifest) {
            assert!(files == *new || files == *old, "round {round}: {:?}", files.keys());
        } else {
            unfinished += 1;
            let is_complete =
                |(name, bytes): (&PathBuf, &Vec<u8>)| [new, old].iter().any(|set| set.get(name) == Some(bytes));
            assert!(files.iter().all(is_complete), "round {round}: a file is incomplete");
            assert_eq!(run_in(path, &["verify", "--data", "out"]).code, Some(1));
            if round % 3 == 0 {
                // The next run of the other part finishes this one.
                succeed_in(path, &part("2", "none"));
                assert!(final_files(&out) == *new, "round {round}");
            }
        }
        succeed_in(path, &rounds.runs[round % 2]);
        assert!(all_files(&out) == *new, "round {round}: {:?}", all_files(&out).keys());
        if round % 10 == 0 {
            succeed_in(path, &["verify", "--data", "out", "--exact"]);
        }
        [unfinished]
    });
}

#[test]
fn a_killed_verify_leaves_the_old_or_the_new_report() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let mut random = fastrand::Rng::with_seed(7);
    for seed in ["1", "2"] {
        succeed_in(path, &["generate", "--customers", "300", "--quiet", "--seed", seed, "--out", seed]);
    }
    let verify = |seed| ["verify", "--data", seed, "--report", "report.html"];
    let report = || fs::read(path.join("report.html")).unwrap();
    let run_micros = run_time(path, &verify("1")).as_micros() as u64;
    let first = report();
    succeed_in(path, &verify("2"));
    let reports = [first, report()];
    assert_ne!(reports[0], reports[1]);
    let staged = path.join("report.html.inprogress");
    for round in 0..20 {
        let moment = if round % 4 < 2 {
            Moment::AfterStart(Duration::from_micros(random.u64(..run_micros)))
        } else {
            Moment::AfterFile(&staged, Duration::from_micros(random.u64(..500)))
        };
        let mut child = start_in(path, &verify(["1", "2"][round % 2]));
        moment.wait(&mut child);
        child.kill().unwrap();
        child.wait_with_output().unwrap();
        assert!(reports.contains(&report()), "round {round}");
        succeed_in(path, &verify(["1", "2"][round % 2]));
        assert!(report() == reports[round % 2], "round {round}");
        assert!(!staged.exists());
    }
}
