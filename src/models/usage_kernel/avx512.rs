//! The usage kernels with AVX-512: 32 rows at a time as 16-bit halves, with look-up tables in registers.
//!
//! They give the same values as the plain code in [`super::values`] and [`super::age_group`].
//!
//! ```text
//!     words       from Philox, 8 rows at a time           one u32 for each row and column
//!     halves      upper and lower 16 bits of the words    two registers of 32 rows: in each 32 bits, the
//!                                                         lower half is row i, the upper half row 16 + i
//!     own         upper >> (16 - bits)                    the slot
//!     remainder   (upper:lower << bits) >> 16             compared with the slot's limit
//!     value       own if remainder < limit,               if remainder = limit, the alias table decides
//!                 else the alternative                    with the whole word
//! ```

use super::active_days::{ActiveDays, CustomerRows};
use super::age_group::AGES_PER_GROUP;
use super::output_column::OutputColumn;
use super::packed::{CHUNK, PackedTable, PackedTables, SLOTS};
use super::seeded_usage::SeededUsage;
use crate::random::philox::{LANES, RoundKeys};
use crate::random::{AliasTable, Purpose, avx512};
use bytemuck::must_cast;
use std::arch::x86_64::*;

/// The number of 16-bit rows in a register.
pub const ROWS: usize = 32;

/// The approximate number of rows in a batch. Their words stay in the L1 cache between two steps.
const BATCH_ROWS: usize = 1_024;

/// The values of 32 rows.
struct Drawn {
    values: __m512i,
    /// A bit for each row whose value the upper 16 bits don't decide.
    ties: u32,
}

/// The state of a run over all rows.
struct Kernel<'a, C, M> {
    seeded: &'a SeededUsage<'a>,
    packed: &'a PackedTables,
    /// Returns the minutes of 32 rows.
    minutes: M,
    /// The random words of the current batch, by column.
    words: [Vec<u32>; 3],
    /// The sessions of the current batch. Entries after its last row have no meaning.
    sessions: Vec<u32>,
    /// The columns that are asked for.
    columns: &'a mut [Option<C>; 3],
}

/// Computes sessions, minutes and events of all rows, for the columns that are asked for.
///
/// `minutes` computes the minutes of 32 rows from their class, sessions and words.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,avx2,bmi1,bmi2,popcnt,lzcnt")]
pub fn values<C: OutputColumn<i32>, M: Fn(usize, &[u32; ROWS], &[u32; ROWS]) -> [u32; ROWS]>(
    seeded: &SeededUsage,
    packed: &PackedTables,
    active: &ActiveDays,
    columns: &mut [Option<C>; 3],
    minutes: M,
) {
    let most_rows = BATCH_ROWS + seeded.window.days as usize + ROWS;
    let words = [(); 3].map(|()| vec![0; most_rows]);
    let mut kernel = Kernel { seeded, packed, minutes, words, sessions: vec![0; most_rows], columns };
    let (mut customers, mut done) = (&active.customers[..], 0);
    while !customers.is_empty() {
        let (mut count, mut rows) = (0, 0);
        while count < customers.len() && rows < BATCH_ROWS {
            let next = &customers[count];
            kernel.mix(next.id, &active.ages[done + rows..][..next.rows.next_multiple_of(LANES)], rows);
            (count, rows) = (count + 1, rows + next.rows);
        }
        kernel.draw_by_class(&customers[..count], done);
        kernel.draw_by_sessions(rows);
        (customers, done) = (&customers[count..], done + rows);
        for column in kernel.columns.iter_mut().flatten() {
            column.truncate_rows(done);
        }
    }
}

impl<C: OutputColumn<i32>, M: Fn(usize, &[u32; ROWS], &[u32; ROWS]) -> [u32; ROWS]> Kernel<'_, C, M> {
    /// Computes the random words of `customer` at `ages`, for the rows from `row` on. `ages` has whole lanes.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn mix(&mut self, customer: u64, ages: &[u16], row: usize) {
        let (keys, purpose) = (*self.seeded.keys, self.seeded.purposes.values);
        let [sessions, minutes, events] = &mut self.words;
        let (sessions, _) = sessions[row..].as_chunks_mut::<LANES>();
        let (minutes, _) = minutes[row..].as_chunks_mut::<LANES>();
        let (events, _) = events[row..].as_chunks_mut::<LANES>();
        let words = sessions.iter_mut().zip(minutes).zip(events);
        for (ages, ((sessions, minutes), events)) in ages.as_chunks::<LANES>().0.iter().zip(words) {
            let ages = _mm512_cvtepu16_epi64(must_cast(*ages));
            let [a, b, c, _] = avx512::mixed(&keys, customer, ages, purpose);
            for (words, mixed) in [(sessions, a), (minutes, b), (events, c)] {
                *words = must_cast(_mm512_cvtepi64_epi32(mixed));
            }
        }
    }

    /// Computes sessions and minutes of `customers`, whose rows start at `done` in the columns.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,avx2,bmi1,bmi2,popcnt,lzcnt")]
    #[inline]
    fn draw_by_class(&mut self, customers: &[CustomerRows], done: usize) {
        let [all_sessions, all_minutes, _] = &mut *self.columns;
        let mut first = 0;
        for customers in customers.chunk_by(|customer, next| customer.class == next.class) {
            let (class, mut rows) = (usize::from(customers[0].class), 0);
            for customer in customers {
                rows += customer.rows;
            }
            let sessions = &self.seeded.tables.sessions[class];
            for row in (first..first + rows).step_by(ROWS) {
                let words = rows_from(&self.words[0], row);
                let drawn = self.packed.sessions[class].draw(&self.packed.slots, sessions, words);
                self.sessions[row..row + ROWS].copy_from_slice(&drawn);
                append(all_sessions, drawn);
                if all_minutes.is_some() {
                    append(all_minutes, (self.minutes)(class, &drawn, rows_from(&self.words[1], row)));
                }
            }
            first += rows;
            for column in [&mut *all_sessions, all_minutes].into_iter().flatten() {
                column.truncate_rows(done + first);
            }
        }
    }

    /// Computes the events of the first `rows` rows from their sessions, if events are asked for.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
    #[inline]
    fn draw_by_sessions(&mut self, rows: usize) {
        let events = &mut self.columns[2];
        if events.is_none() {
            return;
        }
        let laws = &self.seeded.tables.events;
        for row in (0..rows).step_by(ROWS) {
            let (words, sessions) = (rows_from(&self.words[2], row), rows_from(&self.sessions, row));
            let (_, sessions_in_halves) = halves(sessions);
            let drawn =
                self.packed.draw_events(sessions_in_halves, words).settled(words, |row| &laws[sessions[row] as usize]);
            append(events, by_row(drawn));
        }
    }
}

#[inline(always)]
fn rows_from<T>(column: &[T], row: usize) -> &[T; ROWS] {
    &column[row..].as_chunks().0[0]
}

impl PackedTable {
    /// Draws 32 values, with `slots` from the packed tables. `table` is the table that was packed.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
    #[inline]
    pub fn draw(&self, slots: &[u32; SLOTS], table: &AliasTable, words: &[u32; ROWS]) -> [u32; ROWS] {
        let (own, remainder) = split_words(words, _mm512_set1_epi16(self.bits as i16));
        let (limits, alternatives) = match &self.chunks[..] {
            [] => load(slots, _mm512_add_epi16(own, _mm512_set1_epi16(self.base as i16))),
            chunks => {
                let (mut limits, mut alternatives) = (look_up(&chunks[0][0], own), look_up(&chunks[0][1], own));
                let chunk_of_own = _mm512_srli_epi16::<6>(own);
                for (number, chunk) in chunks.iter().enumerate().skip(1) {
                    let here = _mm512_cmpeq_epi16_mask(chunk_of_own, _mm512_set1_epi16(number as i16));
                    limits = _mm512_mask_blend_epi16(here, limits, look_up(&chunk[0], own));
                    alternatives = _mm512_mask_blend_epi16(here, alternatives, look_up(&chunk[1], own));
                }
                (limits, alternatives)
            }
        };
        let drawn = choose(own, remainder, limits, alternatives).plus(_mm512_set1_epi16(self.first as i16));
        by_row(drawn.settled(words, |_| table))
    }
}

impl PackedTables {
    /// Draws the events of rows with these sessions.
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
        // This is before the call of `load`, so the sessions need no register after it.
        let unpacked = _mm512_cmpge_epu16_mask(sessions, _mm512_set1_epi16(laws.count as i16));
        let (own, remainder) = split_words(words, bits);
        let (limits, alternatives) = load(&self.slots, _mm512_add_epi16(own, base));
        let drawn = choose(own, remainder, limits, alternatives).plus(first);
        Drawn { ties: drawn.ties | unpacked, ..drawn }
    }
}

impl Drawn {
    /// Adds `first` to the values.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn plus(self, first: __m512i) -> Self {
        Self { values: _mm512_add_epi16(self.values, first), ..self }
    }

    /// Returns the values. For ties, it samples the alias table of the row with the whole word.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn settled<'a>(self, words: &[u32; ROWS], table: impl Fn(usize) -> &'a AliasTable) -> __m512i {
        if self.ties == 0 { self.values } else { self.sampled(words, table) }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[cold]
    #[inline(never)]
    fn sampled<'a>(self, words: &[u32; ROWS], table: impl Fn(usize) -> &'a AliasTable) -> __m512i {
        let mut values: [u16; ROWS] = must_cast(self.values);
        for (place, value) in values.iter_mut().enumerate() {
            if self.ties >> place & 1 == 1 {
                let row = place / 2 + place % 2 * (ROWS / 2);
                // Packed tables have only values that fit 16 bits.
                *value = table(row).value(words[row]) as u16;
            }
        }
        must_cast(values)
    }
}

/// Splits each word into the index of its slot, which is the first `bits` bits, and the 16 bits after it.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
#[inline]
fn split_words(words: &[u32; ROWS], bits: __m512i) -> (__m512i, __m512i) {
    let (upper, lower) = halves(words);
    let own = _mm512_srlv_epi16(upper, _mm512_sub_epi16(_mm512_set1_epi16(16), bits));
    (own, _mm512_shldv_epi16(upper, lower, bits))
}

/// Returns `own` where the remainder is below the limit, otherwise the alternative.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn choose(own: __m512i, remainder: __m512i, limits: __m512i, alternatives: __m512i) -> Drawn {
    let below = _mm512_cmplt_epu16_mask(remainder, limits);
    Drawn {
        values: _mm512_mask_blend_epi16(below, alternatives, own),
        ties: _mm512_cmpeq_epi16_mask(remainder, limits),
    }
}

/// Splits 32 words into their upper and their lower 16 bits.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
pub fn halves(words: &[u32; ROWS]) -> (__m512i, __m512i) {
    const UPPER: u32 = 0xAAAA_AAAA;
    let [a, b]: [__m512i; 2] = must_cast(*words);
    (
        _mm512_mask_blend_epi16(UPPER, _mm512_srli_epi32::<16>(a), b),
        _mm512_mask_blend_epi16(UPPER, a, _mm512_slli_epi32::<16>(b)),
    )
}

/// Returns 16-bit values in the order of the rows. The input has the layout of [`halves`].
#[target_feature(enable = "avx512f")]
#[inline]
fn by_row(values: __m512i) -> [u32; ROWS] {
    must_cast([_mm512_and_si512(values, _mm512_set1_epi32(0xFFFF)), _mm512_srli_epi32::<16>(values)])
}

/// Returns the entries whose index is in the lowest 6 bits of `indices`.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
pub fn look_up(entries: &[u16; CHUNK], indices: __m512i) -> __m512i {
    let [a, b]: [__m512i; 2] = must_cast(*entries);
    _mm512_permutex2var_epi16(a, indices, b)
}

/// Returns the limits and alternatives of the slots at `indices`.
///
/// Scalar loads take 1.0 ns a row for events, gathers 1.3 ns (AMD EPYC 9004). If the function is inlined, too few
/// registers are left to its callers, and some of them take a third longer.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline(never)]
fn load(slots: &[u32; SLOTS], indices: __m512i) -> (__m512i, __m512i) {
    let indices = by_row(indices);
    let mut loaded = [0; ROWS];
    for (slot, index) in loaded.iter_mut().zip(indices) {
        *slot = slots[(index & 0xFFFF) as usize];
    }
    halves(&loaded)
}

/// Appends 32 rows to `column`, if it is asked for.
#[target_feature(enable = "avx512f")]
#[inline]
fn append(column: &mut Option<impl OutputColumn<i32>>, values: [u32; ROWS]) {
    if let Some(column) = column {
        column.push(&must_cast::<_, [i32; ROWS]>(values));
    }
}

/// Returns the draws of a customer's group of ages. See [`super::age_group::draws`].
#[target_feature(enable = "avx512f")]
#[inline]
pub fn draws(keys: &RoundKeys, customer: u64, group: usize, purpose: Purpose) -> [u16; AGES_PER_GROUP] {
    const UPPER_HALVES: u16 = 0xAAAA;
    const LANE_NUMBERS: [u64; LANES] = [0, 1, 2, 3, 4, 5, 6, 7];
    let items = _mm512_add_epi64(_mm512_set1_epi64((group * LANES) as i64), must_cast(LANE_NUMBERS));
    let [a, b, c, d] = avx512::mixed(keys, customer, items, purpose);
    must_cast([
        _mm512_mask_shuffle_epi32::<_MM_PERM_CCAA>(a, UPPER_HALVES, b),
        _mm512_mask_shuffle_epi32::<_MM_PERM_CCAA>(c, UPPER_HALVES, d),
    ])
}

/// See [`super::age_group::below`].
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
pub fn below(
    draws: &[u16; AGES_PER_GROUP],
    thresholds: &[u16; AGES_PER_GROUP],
    shares: &[u16; AGES_PER_GROUP],
) -> (u64, bool) {
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

/// See [`super::age_group::add_ages`].
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
#[inline]
pub fn add_ages(ages: &mut [u16], mut count: usize, first_age: u16, bits: u64) -> usize {
    const PLACES: [u16; AGES_PER_GROUP] = {
        let mut places = [0; AGES_PER_GROUP];
        let mut age = 0;
        while age < AGES_PER_GROUP {
            places[age] = age as u16;
            age += 1;
        }
        places
    };
    let places: [__m512i; 2] = must_cast(PLACES);
    let first_age = _mm512_set1_epi16(first_age as i16);
    for (places, bits) in places.into_iter().zip([bits as u32, (bits >> 32) as u32]) {
        let of_bits = _mm512_maskz_compress_epi16(bits, _mm512_add_epi16(places, first_age));
        ages[count..count + ROWS].copy_from_slice(&must_cast::<_, [u16; ROWS]>(of_bits));
        count += bits.count_ones() as usize;
    }
    count
}
