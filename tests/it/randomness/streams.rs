//! The streams of words that the battery tests.

use super::battery::{Mixer, PURPOSES};
use saasgen::models::saas_v1::purposes;
use saasgen::random::philox::{LANES, Lanes};
use std::array::from_fn;
use std::ops::Range;

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
pub type Part = Box<dyn Fn(Mixer, u64, &mut Vec<u32>) + Sync>;

/// A sequence of words.
pub struct Stream {
    pub name: String,
    pub part: Part,
}

/// Returns the eight numbers from `first` on.
pub fn eight(first: u64) -> Lanes {
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

/// Appends the words of ages in the order of `tables::usage`, with two ages in a word.
fn activity(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    let mixed = mix(SEED, [customer; LANES], eight(8 * call), purposes::ACTIVITY);
    by_address(mixed, 0..2, out);
    by_address(mixed, 2..4, out);
}

/// Appends the words of the same ages with all 32 bits.
fn activity_with_ties(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for (purpose, words) in [(purposes::ACTIVITY, &mut upper), (purposes::ACTIVITY_TIE, &mut lower)] {
        let mixed = mix(SEED, [customer; LANES], eight(8 * call), purpose);
        by_address(mixed, 0..2, words);
        by_address(mixed, 2..4, words);
    }
    for (upper, lower) in upper.into_iter().zip(lower) {
        out.extend([upper << 16 | lower & 0xFFFF, upper & 0xFFFF_0000 | lower >> 16]);
    }
}

fn usage_values(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    by_address(mix(SEED, [customer; LANES], eight(8 * call), purposes::USAGE_VALUES), 0..3, out);
}

fn invoices(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    by_address(mix(SEED, [customer; LANES], eight(8 * call), purposes::INVOICE), 0..4, out);
}

fn tickets(mix: Mixer, customer: u64, call: u64, out: &mut Vec<u32>) {
    by_address(mix(SEED, [customer; LANES], eight(8 * call), purposes::TICKET), 0..3, out);
}

/// Returns the streams. No stream uses an address twice.
pub fn streams() -> Vec<Stream> {
    use purposes::{LOSS_RATE, PROFILE, TICKET_COUNT, USAGE_VALUES};
    let mut streams = Vec::new();
    let mut add = |name: &str, part: Part| streams.push(Stream { name: name.into(), part });
    // Words in the order in which the tables use them.
    add("profiles", Box::new(|mix, n, out| by_address(mix(SEED, eight(8 * n), [0; LANES], PROFILE), 0..3, out)));
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
        Box::new(|mix, n, out| by_address(mix(SEED, eight(8 * n), [0; LANES], TICKET_COUNT), 0..1, out)),
    );
    add(
        "loss rates of neighbouring seeds",
        Box::new(|mix, n, out| {
            let days = eight(FIRST_DAY + 8 * (n % AGE_CALLS));
            by_address(mix(SEED + n / AGE_CALLS, [0; LANES], days, LOSS_RATE), 0..1, out);
        }),
    );
    add(
        "all tables, customer by customer",
        Box::new(|mix, n, out| {
            out.extend(mix(SEED, [n; LANES], [0; LANES], PROFILE)[..3].iter().map(|word| word[0] as u32));
            (0..ACTIVITY_CALLS).for_each(|call| activity(mix, n, call, out));
            (0..AGE_CALLS).for_each(|call| usage_values(mix, n, call, out));
            (0..INVOICE_CALLS).for_each(|call| invoices(mix, n, call, out));
            out.push(mix(SEED, [n; LANES], [0; LANES], TICKET_COUNT)[0][0] as u32);
            (0..TICKET_CALLS).for_each(|call| tickets(mix, n, call, out));
        }),
    );
    // Words of neighbouring addresses, each of the four words on its own.
    for word in 0..4 {
        add(
            &format!("a day of neighbouring customers, word {word}"),
            Box::new(move |mix, n, out| {
                by_address(mix(SEED, eight(8 * n), [100; LANES], USAGE_VALUES), word..word + 1, out)
            }),
        );
        add(
            &format!("days of a customer, word {word}"),
            Box::new(move |mix, n, out| {
                let mixed = mix(SEED, [n / AGE_CALLS; LANES], eight(8 * (n % AGE_CALLS)), USAGE_VALUES);
                by_address(mixed, word..word + 1, out);
            }),
        );
    }
    add(
        "neighbouring customers beyond 2^32",
        Box::new(|mix, n, out| by_word(mix(SEED, eight((1 << 32) + 8 * n), [0; LANES], PROFILE), out)),
    );
    add(
        "customers 2^32 apart",
        Box::new(|mix, n, out| by_word(mix(SEED, eight(0).map(|high| high << 32 | n), [0; LANES], PROFILE), out)),
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
        Box::new(|mix, n, out| interleaved(eight(SEED).map(|seed| mix(seed, eight(8 * n), [0; LANES], PROFILE)), out)),
    );
    add(
        "many seeds, few customers",
        Box::new(|mix, n, out| interleaved(eight(8 * n).map(|seed| mix(seed, eight(0), [0; LANES], PROFILE)), out)),
    );
    add(
        "seeds one bit apart interleaved",
        Box::new(|mix, n, out| {
            let seeds: [u64; 65] = from_fn(|i| if i == 0 { SEED } else { SEED ^ 1 << (i - 1) });
            interleaved(seeds.map(|seed| mix(seed, eight(8 * n), [0; LANES], PROFILE)), out);
        }),
    );
    add(
        "ascending seeds and descending customers",
        Box::new(|mix, n, out| {
            let customers = |back| from_fn(|lane| 64 * n + 8 * (lane as u64 + 1) - back);
            interleaved(eight(0).map(|i| mix(SEED + i, customers(i), [0; LANES], PROFILE)), out);
        }),
    );
    // Differences of two streams.
    let even = |n| eight(8 * n).map(|i| 2 * i);
    let odd = |n| eight(8 * n).map(|i| 2 * i + 1);
    add(
        "a customer and the next",
        Box::new(move |mix, n, out| {
            let words = |customers| mix(SEED, customers, [0; LANES], PROFILE);
            difference(words(even(n)), words(odd(n)), out);
        }),
    );
    add(
        "a day and the next",
        Box::new(move |mix, n, out| {
            let words = |items| mix(SEED, [n / 35; LANES], items, USAGE_VALUES);
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
            let words = |seed| mix(seed, eight(8 * n), [0; LANES], PROFILE);
            difference(words(SEED), words(SEED + 1), out);
        }),
    );
    add(
        "a seed and one with another bit",
        Box::new(|mix, n, out| {
            let words = |seed| mix(seed, eight(8 * n), [0; LANES], PROFILE);
            difference(words(SEED), words(SEED ^ 1 << (n % 64)), out);
        }),
    );
    streams
}
