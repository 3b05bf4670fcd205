//! The columns of usage by AVX-512: 32 rows at a time in halves of 16 bits, tables held in registers.
//!
//! [`super::values`] and [`super::activity`] are the reference: the values are the same.
//!
//! ```text
//!     words       8 rows at a time from Philox            u32 by row, a column each
//!     halves      H = upper 16 bits, L = lower            two registers of 32 rows: of each 32 bits,
//!                                                         the lower half is row i, the upper row 16 + i
//!     own         H >> (16 - bits)                        the slot
//!     rest        (H:L << bits) >> 16                     what is compared with its limit
//!     value       own where rest < limit, else other      where they tie, the whole word decides
//! ```

use super::activity::{ActiveDays, GROUP, Run};
use super::narrow::{CHUNK, NarrowLaw, NarrowLaws, SLOTS};
use crate::random::philox::{LANES, RoundKeys};
use crate::random::{Alias, Purpose, avx512};
use crate::tables::DataSet;
use crate::tables::laws::PlanLaws;
use crate::tables::room::Room;
use bytemuck::must_cast;
use std::arch::x86_64::*;

/// Rows of 16 bits in a register.
const ROWS: usize = 32;

/// Rows that are worked on together, about: what is kept of them between two steps stays in the first cache.
const ROWS_AT_A_TIME: usize = 1_024;

/// Of 32 rows: what a law gave, and in which of them that isn't settled.
struct Drawn {
    values: __m512i,
    ties: u32,
}

/// What makes the columns, and where they go.
struct Maker<'a, R> {
    data_set: &'a DataSet,
    narrow: &'a NarrowLaws,
    /// The words of the rows that are worked on, by column.
    words: [Vec<u32>; 3],
    /// Of the rows that are worked on; behind the last, more of no meaning.
    sessions: Vec<u32>,
    /// Those that are wanted.
    columns: &'a mut [Option<R>; 3],
}

/// Puts sessions, minutes and events of all rows, as far as they are wanted.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,avx2,bmi1,bmi2,popcnt,lzcnt")]
pub(super) fn values<R: Room<i32>>(
    data_set: &DataSet,
    narrow: &NarrowLaws,
    active: &ActiveDays,
    wanted: &mut [Option<R>; 3],
) {
    let most_rows = ROWS_AT_A_TIME + data_set.model().window().days as usize + ROWS;
    let mut maker = Maker {
        data_set,
        narrow,
        words: [(); 3].map(|()| vec![0; most_rows]),
        sessions: vec![0; most_rows],
        columns: wanted,
    };
    let (mut runs, mut made) = (&active.runs[..], 0);
    while !runs.is_empty() {
        let (mut count, mut rows) = (0, 0);
        while count < runs.len() && rows < ROWS_AT_A_TIME {
            maker.mix(
                runs[count].customer,
                &active.ages[made + rows..][..runs[count].rows.next_multiple_of(LANES)],
                rows,
            );
            (count, rows) = (count + 1, rows + runs[count].rows);
        }
        maker.draw_by_plan(&runs[..count], made);
        maker.draw_by_sessions(rows);
        (runs, made) = (&runs[count..], made + rows);
        for column in maker.columns.iter_mut().flatten() {
            column.cut(made);
        }
    }
}

impl<R: Room<i32>> Maker<'_, R> {
    /// Mixes the words of `customer` at `ages`, by whole lanes, for the rows from `row` on.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn mix(&mut self, customer: u64, ages: &[u16], row: usize) {
        let keys = *self.data_set.round_keys();
        let [sessions, minutes, events] = &mut self.words;
        let (sessions, _) = sessions[row..].as_chunks_mut::<LANES>();
        let (minutes, _) = minutes[row..].as_chunks_mut::<LANES>();
        let (events, _) = events[row..].as_chunks_mut::<LANES>();
        let words = sessions.iter_mut().zip(minutes).zip(events);
        for (ages, ((sessions, minutes), events)) in ages.as_chunks::<LANES>().0.iter().zip(words) {
            let ages = _mm512_cvtepu16_epi64(must_cast(*ages));
            let [a, b, c, _] = avx512::mixed(&keys, customer, ages, Purpose::UsageValues);
            for (words, mixed) in [(sessions, a), (minutes, b), (events, c)] {
                *words = must_cast(_mm512_cvtepi64_epi32(mixed));
            }
        }
    }

    /// Sessions and minutes of `runs`, whose rows begin at `made` of the columns.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
    #[inline]
    fn draw_by_plan(&mut self, runs: &[Run], made: usize) {
        let [all_sessions, all_minutes, _] = &mut *self.columns;
        let mut first = 0;
        for runs in runs.chunk_by(|run, next| run.plan == next.plan) {
            let (plan, mut rows) = (usize::from(runs[0].plan), 0);
            for run in runs {
                rows += run.rows;
            }
            let PlanLaws { sessions, minutes, .. } = &self.data_set.laws().plans[plan];
            for row in (first..first + rows).step_by(ROWS) {
                let words = rows_from(&self.words[0], row);
                let drawn = self.narrow.sessions[plan].draw(&self.narrow.slots, words).settled(words, |_| sessions);
                let drawn = by_row(drawn);
                self.sessions[row..row + ROWS].copy_from_slice(&drawn);
                append(all_sessions, drawn);
                if all_minutes.is_some() {
                    let words = rows_from(&self.words[1], row);
                    let drawn = self.narrow.minutes[plan].draw(&self.narrow.slots, words).settled(words, |_| minutes);
                    append(all_minutes, by_row(drawn));
                }
            }
            first += rows;
            for column in [&mut *all_sessions, all_minutes].into_iter().flatten() {
                column.cut(made + first);
            }
        }
    }

    /// Events of so many rows, if they are wanted, by the sessions that are there.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
    #[inline]
    fn draw_by_sessions(&mut self, rows: usize) {
        let events = &mut self.columns[2];
        if events.is_none() {
            return;
        }
        let laws = &self.data_set.laws().feature_events;
        for row in (0..rows).step_by(ROWS) {
            let (words, sessions) = (rows_from(&self.words[2], row), rows_from(&self.sessions, row));
            let (_, of_rows) = halves(sessions);
            let drawn = self.narrow.draw_events(of_rows, words).settled(words, |row| &laws[sessions[row] as usize]);
            append(events, by_row(drawn));
        }
    }
}

#[inline(always)]
fn rows_from<T>(column: &[T], row: usize) -> &[T; ROWS] {
    &column[row..].as_chunks().0[0]
}

impl NarrowLaw {
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
    #[inline]
    fn draw(&self, slots: &[u32; SLOTS], words: &[u32; ROWS]) -> Drawn {
        let (own, rest) = own_and_rest(words, _mm512_set1_epi16(self.bits as i16));
        let (limits, others) = match &self.chunks[..] {
            [] => load(slots, _mm512_add_epi16(own, _mm512_set1_epi16(self.base as i16))),
            chunks => {
                let (mut limits, mut others) = (look_up(&chunks[0][0], own), look_up(&chunks[0][1], own));
                let chunk_of_own = _mm512_srli_epi16::<6>(own);
                for (number, chunk) in chunks.iter().enumerate().skip(1) {
                    let here = _mm512_cmpeq_epi16_mask(chunk_of_own, _mm512_set1_epi16(number as i16));
                    limits = _mm512_mask_blend_epi16(here, limits, look_up(&chunk[0], own));
                    others = _mm512_mask_blend_epi16(here, others, look_up(&chunk[1], own));
                }
                (limits, others)
            }
        };
        choose(own, rest, limits, others).plus(_mm512_set1_epi16(self.first as i16))
    }
}

impl NarrowLaws {
    /// Events of rows with these sessions.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
    #[inline]
    fn draw_events(&self, sessions: __m512i, words: &[u32; ROWS]) -> Drawn {
        let laws = &self.events;
        let [mut bits, mut base, mut first] =
            [look_up(&laws.bits[0], sessions), look_up(&laws.base[0], sessions), look_up(&laws.first[0], sessions)];
        let chunk_of_sessions = _mm512_srli_epi16::<6>(sessions);
        for number in 1..laws.bits.len() {
            let here = _mm512_cmpeq_epi16_mask(chunk_of_sessions, _mm512_set1_epi16(number as i16));
            bits = _mm512_mask_blend_epi16(here, bits, look_up(&laws.bits[number], sessions));
            base = _mm512_mask_blend_epi16(here, base, look_up(&laws.base[number], sessions));
            first = _mm512_mask_blend_epi16(here, first, look_up(&laws.first[number], sessions));
        }
        let (own, rest) = own_and_rest(words, bits);
        let (limits, others) = load(&self.slots, _mm512_add_epi16(own, base));
        choose(own, rest, limits, others).plus(first)
    }
}

impl Drawn {
    /// Each as much more.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn plus(self, first: __m512i) -> Self {
        Self { values: _mm512_add_epi16(self.values, first), ..self }
    }

    /// With ties settled by the whole word, by the law of each.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn settled<'a>(self, words: &[u32; ROWS], law: impl Fn(usize) -> &'a Alias) -> __m512i {
        if self.ties == 0 {
            return self.values;
        }
        let mut values: [u16; ROWS] = must_cast(self.values);
        for (place, value) in values.iter_mut().enumerate() {
            if self.ties >> place & 1 == 1 {
                let row = place / 2 + place % 2 * (ROWS / 2);
                // Narrow laws have no value that 16 bits don't hold.
                *value = law(row).value(words[row]) as u16;
            }
        }
        must_cast(values)
    }
}

/// The slot of each word, which its first `bits` number, and the 16 bits behind them.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
#[inline]
fn own_and_rest(words: &[u32; ROWS], bits: __m512i) -> (__m512i, __m512i) {
    let (upper, lower) = halves(words);
    let own = _mm512_srlv_epi16(upper, _mm512_sub_epi16(_mm512_set1_epi16(16), bits));
    (own, _mm512_shldv_epi16(upper, lower, bits))
}

/// Own where the rest is below the limit, else the other.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn choose(own: __m512i, rest: __m512i, limits: __m512i, others: __m512i) -> Drawn {
    let below = _mm512_cmplt_epu16_mask(rest, limits);
    Drawn { values: _mm512_mask_blend_epi16(below, others, own), ties: _mm512_cmpeq_epi16_mask(rest, limits) }
}

/// The upper and the lower 16 bits of 32 words.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn halves(words: &[u32; ROWS]) -> (__m512i, __m512i) {
    const UPPER: u32 = 0xAAAA_AAAA;
    let [a, b]: [__m512i; 2] = must_cast(*words);
    (
        _mm512_mask_blend_epi16(UPPER, _mm512_srli_epi32::<16>(a), b),
        _mm512_mask_blend_epi16(UPPER, a, _mm512_slli_epi32::<16>(b)),
    )
}

/// Values in 16 bits, as [`halves`] lays them out, by row.
#[target_feature(enable = "avx512f")]
#[inline]
fn by_row(values: __m512i) -> [u32; ROWS] {
    must_cast([_mm512_and_si512(values, _mm512_set1_epi32(0xFFFF)), _mm512_srli_epi32::<16>(values)])
}

/// The entries at the lowest 6 bits of `places`.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn look_up(entries: &[u16; CHUNK], places: __m512i) -> __m512i {
    let [a, b]: [__m512i; 2] = must_cast(*entries);
    _mm512_permutex2var_epi16(a, places, b)
}

/// The slots at `places`: limits, others. By scalar loads: events take 1.0 ns a row so, and 1.3 with gathers (AMD EPYC
/// 9004). Inlined, it left its callers too few registers, and some runs took a third longer.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline(never)]
fn load(slots: &[u32; SLOTS], places: __m512i) -> (__m512i, __m512i) {
    let places = by_row(places);
    let mut found = [0; ROWS];
    for (found, place) in found.iter_mut().zip(places) {
        *found = slots[(place & 0xFFFF) as usize];
    }
    halves(&found)
}

/// Adds 32 rows to `column`, if it is wanted.
#[target_feature(enable = "avx512f")]
#[inline]
fn append(column: &mut Option<impl Room<i32>>, values: [u32; ROWS]) {
    if let Some(column) = column {
        column.put(&must_cast::<_, [i32; ROWS]>(values));
    }
}

/// The draws of a customer's group of ages, as [`super::activity`] lays them out.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn draws(keys: &RoundKeys, customer: u64, group: usize) -> [u16; GROUP] {
    const UPPER_HALVES: u16 = 0xAAAA;
    const LANE_NUMBERS: [u64; LANES] = [0, 1, 2, 3, 4, 5, 6, 7];
    let items = _mm512_add_epi64(_mm512_set1_epi64((group * LANES) as i64), must_cast(LANE_NUMBERS));
    let [a, b, c, d] = avx512::mixed(keys, customer, items, Purpose::Activity);
    must_cast([
        _mm512_mask_shuffle_epi32::<_MM_PERM_CCAA>(a, UPPER_HALVES, b),
        _mm512_mask_shuffle_epi32::<_MM_PERM_CCAA>(c, UPPER_HALVES, d),
    ])
}

/// As [`super::activity::below`].
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
pub(super) fn below(draws: &[u16; GROUP], thresholds: &[u16; GROUP], shares: &[u16; GROUP]) -> (u64, bool) {
    let [draws, thresholds, shares]: [[__m512i; 2]; 3] =
        [must_cast(*draws), must_cast(*thresholds), must_cast(*shares)];
    let (mut bits, mut ties) = ([0; 2], 0);
    for half in 0..2 {
        let limits = _mm512_mulhi_epu16(thresholds[half], shares[half]);
        bits[half] = _mm512_cmplt_epu16_mask(draws[half], limits);
        ties |= _mm512_cmple_epu16_mask(_mm512_sub_epi16(draws[half], limits), _mm512_set1_epi16(2));
    }
    (u64::from(bits[0]) | u64::from(bits[1]) << 32, ties != 0)
}

/// As [`super::activity::add_ages`].
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
#[inline]
pub(super) fn add_ages(ages: &mut Vec<u16>, first_age: u16, bits: u64) {
    const PLACES: [u16; GROUP] = {
        let mut places = [0; GROUP];
        let mut age = 0;
        while age < GROUP {
            places[age] = age as u16;
            age += 1;
        }
        places
    };
    let places: [__m512i; 2] = must_cast(PLACES);
    let first_age = _mm512_set1_epi16(first_age as i16);
    for (places, bits) in places.into_iter().zip([bits as u32, (bits >> 32) as u32]) {
        let of_bits = _mm512_maskz_compress_epi16(bits, _mm512_add_epi16(places, first_age));
        let kept = ages.len() + bits.count_ones() as usize;
        ages.extend_from_slice(&must_cast::<_, [u16; ROWS]>(of_bits));
        ages.truncate(kept);
    }
}
