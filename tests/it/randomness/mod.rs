//! Statistical tests of the random words, in the order in which the program uses them.
//!
//! A stream is a sequence of words over neighbouring customers, days, purposes, tables or seeds. A battery of
//! statistics tests each stream. An avalanche test covers the bits of seeds and addresses.
//!
//! Seeds are fixed, so a test either always passes or always fails. The family-wise significance of a run is
//! [`SIGNIFICANCE`]: each statistic has that value divided by the number of statistics (Bonferroni), on both sides.
//! Generators that are weak on purpose must fail in a given statistic, and every statistic must reject one of them.

mod battery;
mod streams;
mod weak_generators;

use battery::{Battery, CHUNK, Mixer, PURPOSES, PValue, avalanche};
use saasgen::models::saas_v1::purposes;
use saasgen::random::Address;
use saasgen::random::philox::{LANES, RoundKeys};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use streams::{Stream, eight, streams};
use weak_generators::{philox, unfinished_hash, weyl};

/// The probability that a run of all tests rejects good random words.
const SIGNIFICANCE: f64 = 1e-6;

const REAL: Mixer =
    |seed, customers, items, purpose| Address::mixed_lanes(&RoundKeys::new(seed), customers, items, purpose);

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
#[ignore = "2^33 bytes take minutes; .ci/run runs it"]
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
            |seed, ids, items, purpose| {
                REAL(seed, ids, items.map(|item| item ^ u64::from(purpose.number())), purposes::TICKET)
            },
            "purposes interleaved",
            birthdays,
        ),
        (|seed, ids, items, _| REAL(seed, ids, items, purposes::TICKET), "a purpose and another", "bits"),
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
