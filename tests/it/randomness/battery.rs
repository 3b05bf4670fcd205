//! The statistics. Each counts words and gives a p-value that is exact, or nearly exact, for any number of words.
//!
//! Sources: D. E. Knuth, "The Art of Computer Programming", vol. 2, section 3.3.2 (frequency, serial, gap and run
//! tests); G. Marsaglia, W. W. Tsang, "Some difficult-to-pass tests of randomness", J. Stat. Software 7 (2002)
//! (birthday spacings); A. F. Webster, S. E. Tavares, "On the design of S-boxes", CRYPTO '85 (avalanche).

use saasgen::models::saas_v1::purposes;
use saasgen::random::Purpose;
use saasgen::random::philox::{LANES, Lanes};
use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, Discrete, DiscreteCDF, Poisson};
use std::array::from_fn;

/// A generator of the words at addresses: `Address::mixed_lanes`, or a weak one.
pub type Mixer = fn(u64, Lanes, Lanes, Purpose) -> [Lanes; 4];

/// The name of a statistic and its two-sided p-value. A fit that is too good has a small p-value, too.
pub type PValue = (String, f64);

pub const PURPOSES: [Purpose; 8] = [
    purposes::PROFILE,
    purposes::ACTIVITY,
    purposes::USAGE_VALUES,
    purposes::LOSS_RATE,
    purposes::INVOICE,
    purposes::TICKET_COUNT,
    purposes::TICKET,
    purposes::ACTIVITY_TIE,
];

/// The number of words that a battery takes at once.
pub const CHUNK: usize = 1 << 16;

const LAGS: [usize; 5] = [1, 2, 4, 8, 32];

/// 2^12 birthdays in a year of 2^32 days.
const BIRTHDAYS: usize = 1 << 12;

/// The mean number of repeated spacings in a year. The number is nearly Poisson distributed.
///
/// Of n spacings in m days, n^2 (n - 1) / 4m pairs are equal. Three equal spacings are three pairs but only two
/// repetitions, so their number, n^5 / 18m^2, is subtracted. It is a thousandth of the result, which 2^33 bytes of
/// birthdays can detect.
const REPEATED_SPACINGS: f64 = {
    let (n, m) = (BIRTHDAYS as f64, 4_294_967_296.0);
    n * n * (n - 1.0) / (4.0 * m) - n * n * n * n * n / (18.0 * m * m)
};

/// The lengths from which gaps and runs are counted together.
const LONGEST_GAP: usize = 31;
const LONGEST_RUN: usize = 7;

/// The statistics of one stream of words.
pub struct Battery {
    words: Bits,
    top_bits: Vec<u32>,
    lags: [Lag; LAGS.len()],
    top_pairs: Vec<u32>,
    low_pairs: Vec<u32>,
    years: u32,
    repeated_spacings: u64,
    top_gaps: Gaps,
    low_gaps: Gaps,
    rises: Runs,
    falls: Runs,
}

impl Battery {
    pub fn new() -> Self {
        Self {
            words: Bits::default(),
            top_bits: vec![0; 1 << 12],
            lags: from_fn(|_| Lag::default()),
            top_pairs: vec![0; 1 << 16],
            low_pairs: vec![0; 1 << 16],
            years: 0,
            repeated_spacings: 0,
            top_gaps: Gaps::default(),
            low_gaps: Gaps::default(),
            rises: Runs::default(),
            falls: Runs::default(),
        }
    }

    /// Counts the next [`CHUNK`] words of the stream. Gaps and runs can reach across chunks. All other statistics
    /// can't.
    pub fn add(&mut self, chunk: &[u32]) {
        for &word in chunk {
            self.words.add(word);
            self.top_bits[(word >> 20) as usize] += 1;
            self.top_gaps.add(word >> 29 == 0);
            self.low_gaps.add(word & 7 == 0);
            self.rises.add(word);
            self.falls.add(!word);
        }
        for (lag, distance) in self.lags.iter_mut().zip(LAGS) {
            for (&word, &later) in chunk.iter().zip(&chunk[distance..]) {
                lag.add(word, later);
            }
        }
        // Pairs don't overlap, so they are independent.
        for pair in chunk.chunks_exact(2) {
            self.top_pairs[(pair[0] >> 24 << 8 | pair[1] >> 24) as usize] += 1;
            self.low_pairs[((pair[0] & 0xFF) << 8 | pair[1] & 0xFF) as usize] += 1;
        }
        for year in chunk.chunks_exact(BIRTHDAYS) {
            self.repeated_spacings += repeated_spacings(year);
            self.years += 1;
        }
    }

    pub fn p_values(&self) -> Vec<PValue> {
        let uniform = |counts: &[u32]| fit(counts, |_| 1.0 / counts.len() as f64);
        let mut found = self.words.p_values("").to_vec();
        found.push(("top 12 bits".into(), uniform(&self.top_bits)));
        for (lag, distance) in self.lags.iter().zip(LAGS) {
            let suffix = format!(" at lag {distance}");
            found.extend(lag.differences.p_values(&suffix));
            found.push((format!("values{suffix}"), lag.correlation()));
        }
        found.push(("pairs of top bytes".into(), uniform(&self.top_pairs)));
        found.push(("pairs of low bytes".into(), uniform(&self.low_pairs)));
        let repeated = Poisson::new(REPEATED_SPACINGS * f64::from(self.years)).unwrap();
        let at_least = if self.repeated_spacings == 0 { 1.0 } else { repeated.sf(self.repeated_spacings - 1) };
        found.push(("birthday spacings".into(), two_sided(repeated.cdf(self.repeated_spacings), at_least)));
        found.push(("gaps of the top bits".into(), self.top_gaps.p_value()));
        found.push(("gaps of the low bits".into(), self.low_gaps.p_value()));
        found.push(("rising runs".into(), self.rises.p_value()));
        found.push(("falling runs".into(), self.falls.p_value()));
        found
    }
}

/// Counts of the values of each byte of a word, and of the number of bits that are set. The counts of single bits
/// follow from those of the bytes.
struct Bits {
    bytes: [[u32; 256]; 4],
    ones: [u32; 33],
}

impl Default for Bits {
    fn default() -> Self {
        Self { bytes: [[0; 256]; 4], ones: [0; 33] }
    }
}

impl Bits {
    #[inline]
    fn add(&mut self, word: u32) {
        for (counts, byte) in self.bytes.iter_mut().zip(word.to_le_bytes()) {
            counts[usize::from(byte)] += 1;
        }
        self.ones[word.count_ones() as usize] += 1;
    }

    fn p_values(&self, suffix: &str) -> [PValue; 3] {
        let total: f64 = self.ones.iter().copied().map(f64::from).sum();
        let bytes: f64 = self.bytes.iter().flatten().map(|&count| deviation(count, total / 256.0)).sum();
        let set = |bit: usize| -> u32 {
            (0..256).filter(|byte| byte >> (bit % 8) & 1 == 1).map(|byte| self.bytes[bit / 8][byte]).sum()
        };
        // For n coin tosses, (heads - n/2)^2 / (n/4) is twice the contribution of heads to the chi-square sum.
        let bits: f64 = (0..32).map(|bit| 2.0 * deviation(set(bit), total / 2.0)).sum();
        [
            (format!("bytes{suffix}"), chi_square(bytes, 4.0 * 255.0)),
            (format!("bits{suffix}"), chi_square(bits, 32.0)),
            (format!("ones{suffix}"), fit_coins(&self.ones, 5)),
        ]
    }
}

/// Compares words with the words at a fixed distance after them.
///
/// The pairs of one distance form chains without cycles, so the bits of their differences are as independent as the
/// words.
#[derive(Default)]
struct Lag {
    differences: Bits,
    products: f64,
    count: u32,
}

impl Lag {
    #[inline]
    fn add(&mut self, word: u32, later: u32) {
        let centred = |word: u32| f64::from(word) - (f64::from(u32::MAX) / 2.0);
        self.differences.add(word ^ later);
        self.products += centred(word) * centred(later);
        self.count += 1;
    }

    /// Returns the p-value of the correlation of the words as numbers. The products are uncorrelated, and their
    /// variance is the square of the variance of a number.
    fn correlation(&self) -> f64 {
        let variance = 2_f64.powi(64) / 12.0;
        normal(self.products / (variance * f64::from(self.count).sqrt()))
    }
}

/// Returns the number of repeated spacings between sorted birthdays: all spacings minus the distinct ones.
fn repeated_spacings(birthdays: &[u32]) -> u64 {
    let mut days: [u32; BIRTHDAYS] = from_fn(|i| birthdays[i]);
    days.sort_unstable();
    let mut before = 0;
    for day in &mut days {
        (before, *day) = (*day, *day - before);
    }
    days.sort_unstable();
    days.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
}

/// The numbers of words between hits. One of eight words is a hit.
#[derive(Default)]
struct Gaps {
    since: usize,
    counts: [u32; LONGEST_GAP + 1],
}

impl Gaps {
    #[inline]
    fn add(&mut self, hit: bool) {
        if hit {
            self.counts[self.since.min(LONGEST_GAP)] += 1;
            self.since = 0;
        } else {
            self.since += 1;
        }
    }

    fn p_value(&self) -> f64 {
        let passed = |words: usize| 0.875_f64.powi(words as i32);
        fit(&self.counts, |gap| passed(gap) * if gap == LONGEST_GAP { 1.0 } else { 0.125 })
    }
}

/// The lengths of rising runs.
///
/// The word that ends a run is dropped, so the runs are independent (Knuth, exercise 3.3.2-14). A run has at least r
/// words with probability 1 / r!.
#[derive(Default)]
struct Runs {
    last: u32,
    length: usize,
    counts: [u32; LONGEST_RUN],
}

impl Runs {
    #[inline]
    fn add(&mut self, word: u32) {
        if self.length > 0 && word <= self.last {
            self.counts[self.length.min(LONGEST_RUN) - 1] += 1;
            self.length = 0;
        } else {
            self.length += 1;
            self.last = word;
        }
    }

    fn p_value(&self) -> f64 {
        let at_least = |length: usize| 1.0 / (1..=length).product::<usize>() as f64;
        fit(&self.counts, |i| at_least(i + 1) - if i + 1 == LONGEST_RUN { 0.0 } else { at_least(i + 2) })
    }
}

/// The input bit that is flipped.
#[derive(Clone, Copy)]
enum Flip {
    Seed(u32),
    Customer(u32),
    Item(u32),
    Purpose(u32),
}

/// Flips each input bit of seeds and addresses. Each output bit must change half of the time, alone and together with
/// the others.
///
/// Returns the number of words drawn and the p-values. A round has 8 addresses. The addresses are scattered, so no two
/// of them have the same neighbour. Half of the seeds are small numbers, because people choose small seeds.
pub fn avalanche(mixer: Mixer, rounds: u64) -> (u64, Vec<PValue>) {
    let flips: Vec<Flip> = (0..64)
        .map(Flip::Seed)
        .chain((0..64).map(Flip::Customer))
        .chain((0..32).map(Flip::Item))
        .chain((0..3).map(Flip::Purpose))
        .collect();
    let mut changed = vec![[0_u32; 128]; flips.len()];
    let mut distances = [0_u32; 129];
    for round in 0..rounds {
        let seed = if round % 2 == 0 { round } else { scattered(round) };
        let scatter: Lanes = from_fn(|lane| scattered(!(round * LANES as u64 + lane as u64)));
        let (customers, items) = (scatter.map(|bits| bits >> 32), scatter.map(|bits| bits & 0x3FF));
        // For these purposes, every flip of a bit gives another purpose.
        let purpose = [3, 5, 6, 7][(scatter[0] >> 30 & 3) as usize];
        let mixed = mixer(seed, customers, items, PURPOSES[purpose - 1]);
        for (&flip, changed) in flips.iter().zip(&mut changed) {
            let other = match flip {
                Flip::Seed(bit) => mixer(seed ^ 1 << bit, customers, items, PURPOSES[purpose - 1]),
                Flip::Customer(bit) => mixer(seed, customers.map(|it| it ^ 1 << bit), items, PURPOSES[purpose - 1]),
                Flip::Item(bit) => mixer(seed, customers, items.map(|it| it ^ 1 << bit), PURPOSES[purpose - 1]),
                Flip::Purpose(bit) => mixer(seed, customers, items, PURPOSES[(purpose ^ 1 << bit) - 1]),
            };
            for lane in 0..LANES {
                let differences: [u32; 4] = from_fn(|word| (mixed[word][lane] ^ other[word][lane]) as u32);
                distances[differences.map(u32::count_ones).iter().sum::<u32>() as usize] += 1;
                for (changed, difference) in changed.chunks_exact_mut(32).zip(differences) {
                    for (bit, changed) in changed.iter_mut().enumerate() {
                        *changed += difference >> bit & 1;
                    }
                }
            }
        }
    }
    let trials = (rounds * LANES as u64) as f64;
    let squares: Vec<f64> = changed.iter().flatten().map(|&count| 2.0 * deviation(count, trials / 2.0)).collect();
    let worst = squares.iter().fold(0.0, |worst: f64, &square| worst.max(square));
    let cells = squares.len() as f64;
    let p_values = vec![
        ("avalanche: all".into(), chi_square(squares.iter().sum(), cells)),
        // The p-value of the smallest of all p-values of the cells.
        ("avalanche: worst".into(), -(cells * (-normal(worst.sqrt())).ln_1p()).exp_m1()),
        ("avalanche: distance".into(), fit_coins(&distances, 44)),
    ];
    (rounds * (1 + flips.len() as u64) * 4 * LANES as u64, p_values)
}

/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014). It scatters inputs independently of the generator under
/// test.
fn scattered(n: u64) -> u64 {
    let mut mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

fn deviation(observed: u32, expected: f64) -> f64 {
    (f64::from(observed) - expected).powi(2) / expected
}

/// Returns the p-value of the fit of counts to the probabilities of their cells.
fn fit(counts: &[u32], probability: impl Fn(usize) -> f64) -> f64 {
    let total: f64 = counts.iter().copied().map(f64::from).sum();
    let sum = counts.iter().enumerate().map(|(i, &count)| deviation(count, total * probability(i))).sum();
    chi_square(sum, (counts.len() - 1) as f64)
}

/// Returns the p-value of the fit of counts of heads to a binomial distribution with `counts.len() - 1` coins.
///
/// Counts with at most `few` heads are merged, and counts with at most `few` tails, because both are rare.
fn fit_coins(counts: &[u32], few: usize) -> f64 {
    let coins = counts.len() - 1;
    let distribution = Binomial::new(0.5, coins as u64).unwrap();
    let (rare, many) = (distribution.cdf(few as u64), coins - few);
    let mut cells = vec![counts[..=few].iter().sum()];
    cells.extend(&counts[few + 1..many]);
    cells.push(counts[many..].iter().sum());
    let last = cells.len() - 1;
    fit(&cells, |i| if i == 0 || i == last { rare } else { distribution.pmf((few + i) as u64) })
}

fn chi_square(sum: f64, freedom: f64) -> f64 {
    let distribution = ChiSquared::new(freedom).unwrap();
    two_sided(distribution.cdf(sum), distribution.sf(sum))
}

fn normal(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

fn two_sided(at_most: f64, at_least: f64) -> f64 {
    (2.0 * at_most.min(at_least)).min(1.0)
}
