//! Fuzzing without libFuzzer: `cases TARGET COUNT` checks a target with `COUNT` random changes of its seeds.
//!
//! Every run has the same cases. If a case fails or takes longer than [`MAX_TIME`], its bytes are written to
//! `fuzz/artifacts/TARGET`, and the process ends. `cases TARGET FILE` and `cargo fuzz run TARGET FILE` check these
//! bytes again.

use saasgen_fuzz::{Check, TARGETS};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time limit of a case, a thousand times what a case normally takes.
const MAX_TIME: Duration = Duration::from_secs(20);

/// The largest size of a case in bytes, the same as in `.ci/fuzz`.
const MAX_BYTES: usize = 32 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names = TARGETS.map(|(name, _)| name).join(", ");
    let [target, count_or_file] = &arguments[..] else {
        return Err(format!("usage: cases TARGET COUNT, or cases TARGET FILE; the targets are {names}").into());
    };
    let known = TARGETS.into_iter().find(|(name, _)| name == target);
    let (_, check) = known.ok_or_else(|| format!("there is no target {target}; the targets are {names}"))?;
    match count_or_file.parse::<u64>() {
        Ok(count) => run(target, check, count),
        Err(_) => {
            check(&std::fs::read(count_or_file)?);
            Ok(())
        }
    }
}

fn run(target: &str, check: Check, count: u64) -> Result<(), Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = files(&fuzz.join("seeds").join(target))?;
    let words = words(&fuzz.join("dictionaries").join(target))?;
    let case = Arc::new(Mutex::new((Instant::now(), Vec::new())));
    let artifacts = fuzz.join("artifacts").join(target);
    // Must come first: the program installs its own panic hook, which hides the panics of damaged files from this one.
    abort_on_failure(Arc::clone(&case), artifacts);
    seeds.iter().for_each(|seed| check(seed));
    // Empty input is a seed too.
    seeds.push(Vec::new());
    let (mut random, begin, mut slowest) = (Random(0), Instant::now(), Duration::ZERO);
    for _ in 0..count {
        let bytes = mutated(&seeds, &words, &mut random);
        let begin_of_case = Instant::now();
        *case.lock().unwrap_or_else(PoisonError::into_inner) = (begin_of_case, bytes.clone());
        check(&bytes);
        slowest = slowest.max(begin_of_case.elapsed());
    }
    println!("{target}: {count} cases passed in {:.0?}; the slowest took {slowest:.1?}", begin.elapsed());
    Ok(())
}

/// Writes the bytes of the current case to a file and aborts the process when the case fails or takes too long.
fn abort_on_failure(case: Arc<Mutex<(Instant, Vec<u8>)>>, artifacts: PathBuf) {
    let failed = move |why: &str, bytes: &[u8]| -> ! {
        let path = artifacts.join(format!("case-{}", std::process::id()));
        let written = std::fs::create_dir_all(&artifacts).and_then(|()| std::fs::write(&path, bytes));
        eprintln!("{why}; its {} bytes are in {} ({written:?})", bytes.len(), path.display());
        std::process::abort();
    };
    let print = std::panic::take_hook();
    let (case_of_hook, on_panic) = (Arc::clone(&case), failed.clone());
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        on_panic("a case failed", &case_of_hook.lock().unwrap_or_else(PoisonError::into_inner).1);
    }));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(MAX_TIME / 10);
            let case = case.lock().unwrap_or_else(PoisonError::into_inner);
            if case.0.elapsed() > MAX_TIME {
                failed(&format!("a case takes longer than {MAX_TIME:?}"), &case.1);
            }
        }
    });
}

fn files(folder: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

/// Returns the words of a dictionary, which are quoted, one per line. Skips words with escapes, which only libFuzzer
/// understands.
fn words(path: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let text = std::fs::read_to_string(path)?;
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    Ok(quoted.filter(|word| !word.contains('\\')).map(|word| word.as_bytes().to_vec()).collect())
}

/// Returns one of `seeds` after one to eight changes.
fn mutated(seeds: &[Vec<u8>], words: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = random.of(seeds).cloned().unwrap_or_default();
    for _ in 0..=random.below(8) {
        let (at, end) = random.range(bytes.len());
        match random.below(9) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.below(256) as u8),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.extend_from_within(at..end),
            4 => bytes.truncate(at),
            5 => drop(bytes.splice(at..end.min(at + 8), random.of(words).cloned().unwrap_or_default())),
            6 => drop(bytes.splice(at..at, random.of(words).cloned().unwrap_or_default())),
            7 => {
                // Overwrites lengths and numbers with values at the ends of their ranges.
                let ends = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, 0xFFFF_FFFF, u64::MAX, i64::MAX as u64];
                let number = random.of(&ends).copied().unwrap_or_default().to_le_bytes();
                let width = 1 << random.below(4);
                drop(bytes.splice(at..bytes.len().min(at + width), number[..width].iter().copied()));
            }
            _ => {
                let other = random.of(seeds).cloned().unwrap_or_default();
                let (from, to) = random.range(other.len());
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
        }
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

/// A SplitMix64 generator of random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % end.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }

    /// Returns a random range of `length` bytes. Three of four ranges have at most 16 bytes.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let at = self.below(length + 1);
        let max_length = if self.below(4) == 0 { length - at } else { (length - at).min(16) };
        (at, at + self.below(max_length + 1))
    }
}
