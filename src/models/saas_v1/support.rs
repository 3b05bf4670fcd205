//! `support`: one row for each support ticket.

use super::profiles::Profiles;
use super::seeded_laws::SeededLaws;
use crate::models::{Column, ColumnSet, Day, column::retain_days, saas_v1::purposes};
use crate::random::philox::LANES;
use crate::random::{Address, uniform};
use multiversion::multiversion;
use std::ops::Range;

/// The number of customers whose tickets are drawn before they are sorted. The tickets stay in the L1 cache.
const CHUNK: usize = 128;

/// The support tickets of a block of customers, by column.
#[derive(Default)]
struct Tickets {
    /// Day, category and priority in one sortable number. See [`key`].
    keys: Vec<u64>,
    /// The customers' ids.
    customers: Vec<i64>,
    /// The tickets' ids.
    ids: Vec<i64>,
}

pub(super) fn rows(seeded: &SeededLaws, ids: Range<u64>, days: Range<Day>, columns: ColumnSet) -> Vec<Column> {
    let window = seeded.window();
    let profiles = Profiles::of(seeded, ids.clone());
    let Tickets { keys, customers, ids } = tickets(seeded, ids, &profiles.signup);
    let (mut ids, mut customers) = (Some(ids), Some(customers));
    let dates = || keys.iter().map(|&key| window.first + (key >> 32) as Day).collect::<Vec<_>>();
    let column = |index| match index {
        0 => Column::Int64(ids.take().unwrap_or_default()),
        1 => Column::Int64(customers.take().unwrap_or_default()),
        2 => Column::Date(dates()),
        3 => Column::Text(keys.iter().map(|&key| (key >> 8) as u8).collect()),
        _ => Column::Text(keys.iter().map(|&key| key as u8).collect()),
    };
    let selected = columns.indices().map(column).collect();
    if days == window.range() { selected } else { retain_days(selected, &dates(), &days) }
}

/// Returns a number that sorts a customer's tickets by date, and then by the order in which they were drawn.
#[inline(always)]
fn key(day: u32, item: u64, category: u32, priority: u32) -> u64 {
    u64::from(day) << 32 | item << 16 | u64::from(category) << 8 | u64::from(priority)
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn tickets(seeded: &SeededLaws, ids: Range<u64>, signups: &[u32]) -> Tickets {
    let days = seeded.window().days;
    let laws = seeded.laws();
    let (categories, priorities) = (laws.category.sampler(), laws.priority.sampler());
    let counts = ticket_counts(seeded, ids.clone(), signups);
    // Whole lanes are written. The next customer overwrites the entries past the last ticket.
    let rows: usize = counts.iter().map(|&count| count as usize).sum();
    let mut found =
        Tickets { keys: vec![0; rows + LANES], customers: vec![0; rows + LANES], ids: vec![0; rows + LANES] };
    let (mut unsorted, mut signup_of_row, mut words) = (Vec::new(), Vec::new(), Vec::new());
    let (mut start, mut end) = (0, 0);
    let chunks = ids.step_by(CHUNK).zip(signups.chunks(CHUNK)).zip(counts.chunks(CHUNK));
    for ((first_customer, signups), counts) in chunks {
        let chunk_rows: usize = counts.iter().map(|&count| count as usize).sum();
        signup_of_row.clear();
        signup_of_row.resize(chunk_rows + LANES, 0);
        for ((customer, &signup), &count) in (first_customer as i64..).zip(signups).zip(counts) {
            for first_item in (0..count as usize).step_by(LANES) {
                let rows = end + first_item..end + first_item + LANES;
                signup_of_row[rows.start - start..rows.end - start].fill(signup);
                found.customers[rows.clone()].fill(customer);
                for (lane, id) in found.ids[rows].iter_mut().enumerate() {
                    *id = customer * 1_000 + (first_item + lane) as i64 + 1;
                }
            }
            end += count as usize;
        }
        signup_of_row[chunk_rows..].fill(0);
        unsorted.resize(end - start + LANES, 0);
        words.resize((end - start).div_ceil(LANES), ([0; LANES], [[0; LANES]; 4]));
        for (row, (items, words)) in (start..end).step_by(LANES).zip(&mut words) {
            let mut customers = [0; LANES];
            let (found_customers, found_ids) = (&found.customers[row..row + LANES], &found.ids[row..row + LANES]);
            for lane in 0..LANES {
                customers[lane] = found_customers[lane] as u64;
                items[lane] = (found_ids[lane] - 1 - found_customers[lane] * 1_000) as u64;
            }
            *words = Address::words_of_lanes(seeded.round_keys(), customers, *items, purposes::TICKET);
        }
        let lanes = unsorted.chunks_exact_mut(LANES).zip(signup_of_row.chunks_exact(LANES));
        for ((keys, signups), (items, words)) in lanes.zip(&words) {
            for lane in 0..LANES {
                let day = signups[lane] + uniform(words[0][lane], days - signups[lane]);
                let (category, priority) = (categories.index(words[1][lane]), priorities.index(words[2][lane]));
                keys[lane] = key(day, items[lane], category, priority);
            }
        }
        let mut unsorted = unsorted.as_slice();
        for &count in counts {
            let count = count as usize;
            sort(unsorted, &mut found.keys[start..], count);
            unsorted = &unsorted[count..];
            start += count;
        }
    }
    found.keys.truncate(rows);
    found.customers.truncate(rows);
    found.ids.truncate(rows);
    found
}

/// Sorts each pair of elements, one pair after the other. The macro unrolls them: in a loop, compilers keep the keys in
/// memory.
macro_rules! sort_pairs {
    ($keys:ident: $($low:literal $high:literal),*) => {
        $(($keys[$low], $keys[$high]) = ($keys[$low].min($keys[$high]), $keys[$low].max($keys[$high]));)*
    };
}

/// Sorts the first `count` elements of `keys` into `sorted`.
///
/// Both slices have at least [`LANES`] elements. The elements of `sorted` after the first `count` may be overwritten.
/// Most customers have at most [`LANES`] tickets, which are sorted without a branch that depends on the keys.
#[inline(always)]
fn sort(keys: &[u64], sorted: &mut [u64], count: usize) {
    if count > LANES {
        sorted[..count].copy_from_slice(&keys[..count]);
        sorted[..count].sort_unstable();
        return;
    }
    let mut own = [0; LANES];
    for (lane, (own, &key)) in own.iter_mut().zip(&keys[..LANES]).enumerate() {
        *own = if lane < count { key } else { u64::MAX };
    }
    // K. E. Batcher's odd-even merge sort for eight elements ("Sorting networks and their applications", AFIPS 1968).
    sort_pairs!(own: 0 1, 2 3, 4 5, 6 7, 0 2, 1 3, 4 6, 5 7, 1 2, 5 6, 0 4, 1 5, 2 6, 3 7, 2 4, 3 5, 1 2, 3 4, 5 6);
    sorted[..LANES].copy_from_slice(&own);
}

/// Returns the number of tickets of each customer.
#[inline(always)]
fn ticket_counts(seeded: &SeededLaws, ids: Range<u64>, signups: &[u32]) -> Vec<u32> {
    let laws = seeded.laws();
    let days = seeded.window().days;
    let mut counts = Vec::with_capacity(signups.len());
    for (first, signups) in ids.step_by(LANES).zip(signups.chunks(LANES)) {
        let mut customers = [0; LANES];
        for (lane, customer) in customers.iter_mut().enumerate() {
            *customer = first + lane as u64;
        }
        let [words, ..] = Address::words_of_lanes(seeded.round_keys(), customers, [0; LANES], purposes::TICKET_COUNT);
        for (&signup, word) in signups.iter().zip(words) {
            let tenure = days - 1 - signup;
            counts.push(laws.tickets[tenure as usize].value(word) as u32);
        }
    }
    counts
}
