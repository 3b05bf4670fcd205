//! Statistical tests of the random words, in the order in which the program uses them.
//!
//! A stream is a sequence of words over neighbouring customers, days, purposes, tables or seeds. A battery of statistics
//! tests each stream. An avalanche test covers the bits of seeds and addresses.
//!
//! Seeds are fixed, so a test either always passes or always fails. The family-wise significance of a run is
//! [`SIGNIFICANCE`]: each statistic has that value divided by the number of statistics (Bonferroni), on both sides.
//! Generators that are weak on purpose must fail in a given statistic, and every statistic must reject one of them.

mod battery;

use battery::{Battery, CHUNK, Mixer, PURPOSES, PValue, avalanche};
use saasgen::random::philox::{LANES, Lanes, RoundKeys};
use saasgen::random::{Address, Purpose};
use std::array::from_fn;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The probability that a run of all tests rejects good random words.
const SIGNIFICANCE: f64 = 1e-6;

const REAL: Mixer =
    |seed, customers, items, purpose| Address::mixed_lanes(&RoundKeys::new(seed), customers, items, purpose);

const SEED: u64 = 42;

/// The number of calls for all items of a customer: 9 x 64 ages, 69 x 8 ages, 3 x 16 invoices, 2 x 8 tickets.
const ACTIVITY_CALLS: u64 = 9;
const AGE_CALLS: u64 = 69;
const INVOICE_CALLS: u64 = 3;
const TICKET_CALLS: u64 = 2;

/// The first day of the model's window, 2023-07-01, as an item of loss rates.
const FIRST_DAY: u64 = 19_539;

type Calls<const N: usize> = [[Lanes; 4]; N];

/// Appends the words of the n-th part of a stream.
type Part = Box<dyn Fn(Mixer, u64, &mut Vec<u32>) + Sync>;

/// A sequence of words.
struct Stream {
    name: String,
    part: Part,
}

/// Returns the eight numbers from `first` on.
fn eight(first: u64) -> Lanes {
    from_fn(|lane| first + lane as u64)
}

/// Appends the words address by address.
fn by_address(mixed: [Lanes; 4], words: Range<usize>, out: &mut Vec<u32>) {
    out.extend((0..LANES).flat_map(|lane| mixed[words.clone()].iter().map(move |word| word[lane] as u32)));
}

/// Appends the first words of all addresses, then the second words, and so on.
fn by_word(mixed: [Lanes; 4], out: &mut Vec<u32>) {
    out.extend(mixed.iter().flatten().map(|&word| word as u32));
}

/// Appends the same word of all calls, then the next word of all calls, and so on.
fn interleaved<const N: usize>(calls: Calls<N>, out: &mut Vec<u32>) {
    for lane in 0..LANES {
        for word in 0..4 {
            out.extend(calls.iter().map(|mixed| mixed[word][lane] as u32));
        }
    }
}

/// Appends the bits in which two calls differ. They are random if the calls are independent.
fn difference(one: [Lanes; 4], other: [Lanes; 4], out: &mut Vec<u32>) {
    by_address(from_fn(|word| from_fn(|lane| one[word][lane] ^ other[word][lane])), 0..4, out);
}

/// In the order of the ages in `tables::usage`, two a word.
fn activity(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    let mixed = mix(SEED, [customer; LANES], eight(8 * call), Purpose::Activity);
    by_address(mixed, 0..2, out);
    by_address(mixed, 2..4, out);
}

/// Appends the words of the same ages with all 32 bits.
fn activity_with_ties(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for (purpose, words) in [(Purpose::Activity, &mut upper), (Purpose::ActivityTie, &mut lower)] {
        let mixed = mix(SEED, [customer; LANES], eight(8 * call), purpose);
        by_address(mixed, 0..2, words);
        by_address(mixed, 2..4, words);
    }
    for (upper, lower) in upper.into_iter().zip(lower) {
        out.extend([upper << 16 | lower & 0xFFFF, upper & 0xFFFF_0000 | lower >> 16]);
    }
}

fn usage_values(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    by_address(mix(SEED, [customer; LANES], eight(8 * call), Purpose::UsageValues), 0..3, out);
}

fn invoices(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    by_address(mix(SEED, [customer; LANES], eight(8 * call), Purpose::Invoice), 0..4, out);
}

fn tickets(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    by_address(mix(SEED, [customer; LANES], eight(8 * call), Purpose::Ticket), 0..3, out);
}

/// Returns the streams. No stream uses an address twice.
fn streams() -> Vec<Stream> {
    use Purpose::{LossRate, Profile, TicketCount, UsageValues};
    let mut streams = Vec::new();
    let mut add = |name: &str, part: Part| streams.push(Stream { name: name.into(), part });
    // Words in the order in which the tables use them.
    add("profiles", Box::new(|mix, n, out| by_address(mix(SEED, eight(8 * n), [0; LANES], Profile), 0..3, out)));
    add("activity", Box::new(|mix, n, out| activity(mix, n / ACTIVITY_CALLS, n % ACTIVITY_CALLS, out)));
    add(
        "activity with ties",
        Box::new(|mix, n, out| activity_with_ties(mix, n / ACTIVITY_CALLS, n % ACTIVITY_CALLS, out)),
    );
    add("usage values", Box::new(|mix, n, out| usage_values(mix, n / AGE_CALLS, n % AGE_CALLS, out)));
    add("invoices", Box::new(|mix, n, out| invoices(mix, n / INVOICE_CALLS, n % INVOICE_CALLS, out)));
    add("tickets", Box::new(|mix, n, out| tickets(mix, n / TICKET_CALLS, n % TICKET_CALLS, out)));
    add(
        "ticket counts",
        Box::new(|mix, n, out| by_address(mix(SEED, eight(8 * n), [0; LANES], TicketCount), 0..1, out)),
    );
    add(
        "loss rates of neighbouring seeds",
        Box::new(|mix, n, out| {
            let days = eight(FIRST_DAY + 8 * (n % AGE_CALLS));
            by_address(mix(SEED + n / AGE_CALLS, [0; LANES], days, LossRate), 0..1, out);
        }),
    );
    add(
        "all tables, customer by customer",
        Box::new(|mix, n, out| {
            out.extend(mix(SEED, [n; LANES], [0; LANES], Profile)[..3].iter().map(|word| word[0] as u32));
            (0..ACTIVITY_CALLS).for_each(|call| activity(mix, n, call, out));
            (0..AGE_CALLS).for_each(|call| usage_values(mix, n, call, out));
            (0..INVOICE_CALLS).for_each(|call| invoices(mix, n, call, out));
            out.push(mix(SEED, [n; LANES], [0; LANES], TicketCount)[0][0] as u32);
            (0..TICKET_CALLS).for_each(|call| tickets(mix, n, call, out));
        }),
    );
    // Words of neighbouring addresses, each of the four words on its own.
    for word in 0..4 {
        add(
            &format!("a day of neighbouring customers, word {word}"),
            Box::new(move |mix, n, out| {
                by_address(mix(SEED, eight(8 * n), [100; LANES], UsageValues), word..word + 1, out)
            }),
        );
        add(
            &format!("days of a customer, word {word}"),
            Box::new(move |mix, n, out| {
                let mixed = mix(SEED, [n / AGE_CALLS; LANES], eight(8 * (n % AGE_CALLS)), UsageValues);
                by_address(mixed, word..word + 1, out);
            }),
        );
    }
    add(
        "neighbouring customers beyond 2^32",
        Box::new(|mix, n, out| by_word(mix(SEED, eight((1 << 32) + 8 * n), [0; LANES], Profile), out)),
    );
    add(
        "customers 2^32 apart",
        Box::new(|mix, n, out| by_word(mix(SEED, eight(0).map(|high| high << 32 | n), [0; LANES], Profile), out)),
    );
    add(
        "purposes interleaved",
        Box::new(|mix, n, out| {
            let (customer, items) = ([n / AGE_CALLS; LANES], eight(8 * (n % AGE_CALLS)));
            interleaved(PURPOSES.map(|purpose| mix(SEED, customer, items, purpose)), out);
        }),
    );
    add(
        "neighbouring seeds interleaved",
        Box::new(|mix, n, out| interleaved(eight(SEED).map(|seed| mix(seed, eight(8 * n), [0; LANES], Profile)), out)),
    );
    add(
        "many seeds, few customers",
        Box::new(|mix, n, out| interleaved(eight(8 * n).map(|seed| mix(seed, eight(0), [0; LANES], Profile)), out)),
    );
    add(
        "seeds one bit apart interleaved",
        Box::new(|mix, n, out| {
            let seeds: [u64; 65] = from_fn(|i| if i == 0 { SEED } else { SEED ^ 1 << (i - 1) });
            interleaved(seeds.map(|seed| mix(seed, eight(8 * n), [0; LANES], Profile)), out);
        }),
    );
    add(
        "ascending seeds and descending customers",
        Box::new(|mix, n, out| {
            let customers = |back| from_fn(|lane| 64 * n + 8 * (lane as u64 + 1) - back);
            interleaved(eight(0).map(|i| mix(SEED + i, customers(i), [0; LANES], Profile)), out);
        }),
    );
    // Differences of two streams.
    let even = |n| eight(8 * n).map(|i| 2 * i);
    let odd = |n| eight(8 * n).map(|i| 2 * i + 1);
    add(
        "a customer and the next",
        Box::new(move |mix, n, out| {
            let words = |customers| mix(SEED, customers, [0; LANES], Profile);
            difference(words(even(n)), words(odd(n)), out);
        }),
    );
    add(
        "a day and the next",
        Box::new(move |mix, n, out| {
            let words = |items| mix(SEED, [n / 35; LANES], items, UsageValues);
            difference(words(even(n % 35)), words(odd(n % 35)), out);
        }),
    );
    add(
        "a purpose and another",
        Box::new(|mix, n, out| {
            let purposes = PURPOSES.len() as u64;
            let words = |purpose| mix(SEED, eight(8 * n), [0; LANES], PURPOSES[(purpose % purposes) as usize]);
            difference(words(n), words(n + 1 + n / purposes % (purposes - 1)), out);
        }),
    );
    add(
        "a seed and the next",
        Box::new(|mix, n, out| {
            let words = |seed| mix(seed, eight(8 * n), [0; LANES], Profile);
            difference(words(SEED), words(SEED + 1), out);
        }),
    );
    add(
        "a seed and one with another bit",
        Box::new(|mix, n, out| {
            let words = |seed| mix(seed, eight(8 * n), [0; LANES], Profile);
            difference(words(SEED), words(SEED ^ 1 << (n % 64)), out);
        }),
    );
    streams
}

/// The results of one stream.
struct Finding {
    stream: String,
    words: u64,
    p_values: Vec<PValue>,
}

fn find(mixer: Mixer, stream: &Stream, chunks: u64) -> Finding {
    let (mut battery, mut words, mut part) = (Battery::new(), Vec::with_capacity(2 * CHUNK), 0);
    for _ in 0..chunks {
        while words.len() < CHUNK {
            (stream.part)(mixer, part, &mut words);
            part += 1;
        }
        battery.add(&words[..CHUNK]);
        words.drain(..CHUNK);
    }
    Finding { stream: stream.name.clone(), words: chunks * CHUNK as u64, p_values: battery.p_values() }
}

/// Tests `chunks` chunks of every stream, and the avalanche effect of seeds and addresses, on all cores.
fn run(mixer: Mixer, chunks: u64, avalanche_rounds: u64) -> Vec<Finding> {
    let (streams, next) = (streams(), AtomicUsize::new(0));
    let work = || {
        let mut found = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(stream) = streams.get(index) else { return found };
            found.push((index, find(mixer, stream, chunks)));
        }
    };
    let mut found: Vec<(usize, Finding)> = std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    found.sort_by_key(|&(index, _)| index);
    let (words, p_values) = avalanche(mixer, avalanche_rounds);
    let mut found: Vec<Finding> = found.into_iter().map(|(_, finding)| finding).collect();
    found.push(Finding { stream: "seeds and addresses".into(), words, p_values });
    found
}

/// Returns stream, statistic and p-value of each rejection, with a family-wise significance of [`SIGNIFICANCE`].
fn failures(findings: &[Finding]) -> Vec<(&str, &str, f64)> {
    let count: usize = findings.iter().map(|finding| finding.p_values.len()).sum();
    let all =
        findings.iter().flat_map(|it| it.p_values.iter().map(|(name, p)| (it.stream.as_str(), name.as_str(), *p)));
    all.inspect(|(stream, statistic, p)| assert!((0.0..=1.0).contains(p), "{stream}, {statistic}: p = {p}"))
        .filter(|&(_, _, p)| p < SIGNIFICANCE / count as f64)
        .collect()
}

fn bytes(findings: &[Finding]) -> u64 {
    findings.iter().map(|finding| finding.words * 4).sum()
}

#[test]
fn draws_pass_all_statistics() {
    let findings = run(REAL, 10, 1 << 7);
    assert!(bytes(&findings) >= 1 << 26);
    assert_eq!(failures(&findings), []);
}

#[test]
#[ignore = "2^33 bytes take a minute; .ci/run runs it in release mode"]
fn draws_pass_all_statistics_at_length() {
    let chunks = (1_u64 << 31).div_ceil((streams().len() * CHUNK) as u64);
    let findings = run(REAL, chunks, 1 << 13);
    for Finding { stream, words, p_values } in &findings {
        let (name, p) = p_values.iter().min_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap();
        println!("{:>11} bytes  {stream:44} smallest of {} p-values: {p:.1e} ({name})", words * 4, p_values.len());
    }
    let count: usize = findings.iter().map(|finding| finding.p_values.len()).sum();
    println!(
        "{:>11} bytes, {count} statistics, each with a significance of {:.1e}",
        bytes(&findings),
        SIGNIFICANCE / count as f64
    );
    assert!(bytes(&findings) >= 1 << 33);
    assert_eq!(failures(&findings), []);
}

/// Philox4x32 with any number of rounds, implemented directly from its paper.
fn philox<const ROUNDS: usize>(seed: u64, customers: Lanes, items: Lanes, purpose: Purpose) -> [Lanes; 4] {
    lane_by_lane(customers, items, |customer, item| {
        let mut counter = [customer as u32, (customer >> 32) as u32, item as u32, purpose as u32];
        let mut key = [seed as u32, (seed >> 32) as u32];
        for _ in 0..ROUNDS {
            let products = [0xD251_1F53 * u64::from(counter[0]), 0xCD9E_8D57 * u64::from(counter[2])];
            let [high_0, high_1] = products.map(|product| (product >> 32) as u32);
            let [low_0, low_1] = products.map(|product| product as u32);
            counter = [high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0];
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        counter
    })
}

/// FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo) over whole words, without a finalizer.
fn unfinished_hash(seed: u64, customers: Lanes, items: Lanes, purpose: Purpose) -> [Lanes; 4] {
    lane_by_lane(customers, items, |customer, item| {
        let step = |hash: u64, part: u64| (hash ^ part).wrapping_mul(0x100_0000_01B3);
        let hash = [seed, customer, item, purpose as u64].into_iter().fold(0xCBF2_9CE4_8422_2325, step);
        from_fn(|word| (step(hash, word as u64) >> 32) as u32)
    })
}

/// A Weyl sequence: the number of the word times the golden ratio.
fn weyl(seed: u64, customers: Lanes, items: Lanes, purpose: Purpose) -> [Lanes; 4] {
    lane_by_lane(customers, items, |customer, item| {
        let first = customer.wrapping_mul(1 << 20).wrapping_add(item * 32 + purpose as u64 * 4);
        from_fn(|word| ((seed ^ (first + word as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 32) as u32)
    })
}

fn lane_by_lane(customers: Lanes, items: Lanes, words: impl Fn(u64, u64) -> [u32; 4]) -> [Lanes; 4] {
    let lanes: [[u32; 4]; LANES] = from_fn(|lane| words(customers[lane], items[lane]));
    from_fn(|word| lanes.map(|words| u64::from(words[word])))
}

#[test]
fn philox_with_seven_rounds_equals_the_program() {
    for n in 0..1_000 {
        let (seed, customers, items) = (n << 60 | n, eight(n << 30), eight(n * 11));
        let purpose = PURPOSES[n as usize % 7];
        let real = REAL(seed, customers, items, purpose);
        assert_eq!(philox::<7>(seed, customers, items, purpose), real);
        for lane in 0..LANES {
            let address = Address { customer: customers[lane], item: items[lane] as u32, purpose };
            assert_eq!(address.words(seed).map(u64::from), real.map(|word| word[lane]));
        }
    }
}

#[test]
fn weak_generators_are_rejected() {
    let birthdays = "birthday spacings";
    let weak: [(Mixer, &str, &str); 10] = [
        (philox::<3>, "seeds and addresses", "avalanche: all"),
        // One round less: the upper half of the id and the purpose enter one round later than the other inputs.
        (philox::<6>, "customers 2^32 apart", "bits at lag 1"),
        (unfinished_hash, "many seeds, few customers", "ones at lag 1"),
        (weyl, "profiles", "rising runs"),
        // The following generators have good words, but several addresses share them.
        (
            |seed, ids, items, purpose| REAL(seed & 0xFFFF_FFFF, ids, items, purpose),
            "seeds one bit apart interleaved",
            birthdays,
        ),
        (
            |seed, ids, items, purpose| REAL(seed, ids.map(|id| id & 0xFFFF_FFFF), items, purpose),
            "customers 2^32 apart",
            birthdays,
        ),
        (
            |seed, ids, items, purpose| REAL(0, ids.map(|id| id.wrapping_add(seed)), items, purpose),
            "ascending seeds and descending customers",
            birthdays,
        ),
        (
            |seed, ids, items, purpose| REAL(seed, ids, items.map(|item| item ^ purpose as u64), Purpose::Ticket),
            "purposes interleaved",
            birthdays,
        ),
        (|seed, ids, items, _| REAL(seed, ids, items, Purpose::Ticket), "a purpose and another", "bits"),
        (
            |seed, ids, items, purpose| {
                let [first, second, third, _] = REAL(seed, ids, items, purpose);
                [first, second, third, first]
            },
            "invoices",
            birthdays,
        ),
    ];
    let mut never_failed = BTreeSet::new();
    let mut failed = BTreeSet::new();
    for (mixer, stream, statistic) in weak {
        let findings = run(mixer, 1, 1 << 4);
        let failures = failures(&findings);
        let is_found = failures.iter().any(|failure| (failure.0, failure.1) == (stream, statistic));
        assert!(is_found, "{stream}, {statistic} was not rejected; {} other statistics were", failures.len());
        never_failed.extend(findings.iter().flat_map(|finding| &finding.p_values).map(|(name, _)| name.clone()));
        failed.extend(failures.into_iter().map(|failure| failure.1.to_string()));
    }
    never_failed.retain(|name| !failed.contains(name));
    assert!(never_failed.is_empty(), "no weak generator is rejected by {never_failed:?}");
}
