//! Cases without libFuzzer: `cases TARGET COUNT` holds a target to its contract for so many seeds, changed at random.
//!
//! The same cases in every run. A case that fails, or takes longer than [`MAX_TIME`], ends the process with its bytes
//! in `fuzz/artifacts/TARGET`, which `cargo fuzz run TARGET FILE` takes, too, as `cases TARGET FILE` does.

use saasgen_fuzz::{Holds, TARGETS};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Of one case: a thousand times what any takes.
const MAX_TIME: Duration = Duration::from_secs(20);

/// As of libFuzzer, where seeds are no longer.
const MAX_BYTES: usize = 32 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names = TARGETS.map(|(name, _)| name).join(", ");
    let [target, what] = &arguments[..] else {
        return Err(format!("usage: cases TARGET COUNT, or cases TARGET FILE; targets are {names}").into());
    };
    let known = TARGETS.into_iter().find(|(name, _)| name == target);
    let (_, holds) = known.ok_or_else(|| format!("there is no target {target}; there are {names}"))?;
    match what.parse::<u64>() {
        Ok(count) => run(target, holds, count),
        Err(_) => {
            holds(&std::fs::read(what)?);
            Ok(())
        }
    }
}

fn run(target: &str, holds: Holds, count: u64) -> Result<(), Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = files(&fuzz.join("seeds").join(target))?;
    let words = words(&fuzz.join("dictionaries").join(target))?;
    let case = Arc::new(Mutex::new((Instant::now(), Vec::new())));
    let artifacts = fuzz.join("artifacts").join(target);
    // First, so that the hook by which the program silences the panics of damaged files is laid over this one.
    watch(Arc::clone(&case), artifacts);
    seeds.iter().for_each(|seed| holds(seed));
    // Empty input, too.
    seeds.push(Vec::new());
    let (mut random, begin, mut slowest) = (Random(0), Instant::now(), Duration::ZERO);
    for _ in 0..count {
        let bytes = changed(&seeds, &words, &mut random);
        let begin_of_case = Instant::now();
        *case.lock().unwrap_or_else(PoisonError::into_inner) = (begin_of_case, bytes.clone());
        holds(&bytes);
        slowest = slowest.max(begin_of_case.elapsed());
    }
    println!("{target}: {count} cases hold, in {:.0?}; the slowest took {slowest:.1?}", begin.elapsed());
    Ok(())
}

/// Ends the process with the case's bytes where one fails or takes too long.
fn watch(case: Arc<Mutex<(Instant, Vec<u8>)>>, artifacts: PathBuf) {
    let failed = move |why: &str, bytes: &[u8]| -> ! {
        let path = artifacts.join(format!("case-{}", std::process::id()));
        let written = std::fs::create_dir_all(&artifacts).and_then(|()| std::fs::write(&path, bytes));
        eprintln!("{why}; its {} bytes: {} {written:?}", bytes.len(), path.display());
        std::process::abort();
    };
    let print = std::panic::take_hook();
    let (of_hook, on_panic) = (Arc::clone(&case), failed.clone());
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        on_panic("a case failed", &of_hook.lock().unwrap_or_else(PoisonError::into_inner).1);
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

/// The words of a dictionary, a line each and in quotes; those with escapes are libFuzzer's alone.
fn words(path: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let text = std::fs::read_to_string(path)?;
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    Ok(quoted.filter(|word| !word.contains('\\')).map(|word| word.as_bytes().to_vec()).collect())
}

/// One of `seeds` after one to eight changes.
fn changed(seeds: &[Vec<u8>], words: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
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
                // Where lengths and numbers are, those at the ends of their ranges.
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

/// SplitMix64.
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

    /// Mostly a few bytes of so many, else any.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let at = self.below(length + 1);
        let most = if self.below(4) == 0 { length - at } else { (length - at).min(16) };
        (at, at + self.below(most + 1))
    }
}
