//! `usage_daily` and `usage_truth`: what customers did on the days they were active.
//!
//! Whether a customer was active on a day, and whether that day's log survived, is one word against two thresholds:
//! below `active` (the retention curve at that age) the customer was active; below `active x (1 - loss)` the log
//! survived too. Under `active` the word is uniform, so a log is lost with just the day's rate, on its own.
//!
//! Ages are tested in groups of 32, eight counters of four words each, in the order in which vector units hold them:
//!
//! ```text
//!             lane 0  1 …  7
//!     word 0:   age 0  1 …  7        age = 32 x group + 8 x word + lane
//!     word 1:       8  9 … 15        item of the address = 8 x group + lane
//!     word 2:      16 17 … 23
//!     word 3:      24 25 … 31
//! ```

use super::profiles::Profiles;
use super::{Column, ColumnSet, DataSet};
use crate::model::Day;
use crate::random::philox::LANES;
use crate::random::{Address, Purpose};
use multiversion::multiversion;
use std::ops::Range;

/// Ages tested together.
pub(super) const GROUP: usize = 4 * LANES;

/// The fixed-point 1 of the share of logs that survive a day.
const WHOLE: u64 = 1 << 31;

/// What a scan needs to know of the days: which are asked for, and the share of logs that survived each.
#[derive(Debug)]
pub(super) struct UsageDays {
    /// Asked for, counted from the window's first day.
    asked: Range<u32>,
    /// By day from the window's first: how much of [`WHOLE`] survives; 0 for days not asked for, and for a group
    /// of days beyond the window, so that a group of ages never runs off its end.
    surviving: Vec<u32>,
    /// As `surviving` with no log lost; only for the truth.
    existing: Option<Vec<u32>>,
}

impl UsageDays {
    /// The rows whose logs survived.
    pub fn logged(data_set: &DataSet, days: &Range<Day>) -> Self {
        let window = data_set.model().window();
        let asked =
            if days.is_empty() { 0..0 } else { (days.start - window.first) as u32..(days.end - window.first) as u32 };
        let mut surviving = vec![0; window.days as usize + GROUP];
        for day in asked.clone() {
            surviving[day as usize] = surviving_share(data_set, window.first + day as Day);
        }
        Self { asked, surviving, existing: None }
    }

    /// All rows, with which of them survived.
    pub fn truth(data_set: &DataSet, days: &Range<Day>) -> Self {
        let logged = Self::logged(data_set, days);
        let mut existing = vec![0; logged.surviving.len()];
        for day in logged.asked.clone() {
            existing[day as usize] = WHOLE as u32;
        }
        Self { existing: Some(existing), ..logged }
    }
}

/// The share of `day`'s logs that survive, of [`WHOLE`].
fn surviving_share(data_set: &DataSet, day: Day) -> u32 {
    let logs = &data_set.model().parameters().logs;
    let address = Address { customer: 0, item: day as u32, purpose: Purpose::LossRate };
    let [word, ..] = address.words(data_set.seed());
    let loss = logs.loss_min + (logs.loss_max - logs.loss_min) * (f64::from(word) + 0.5) / crate::random::ONE as f64;
    ((1.0 - loss) * WHOLE as f64).round() as u32
}

/// The active days of one customer, as they follow each other in the block's `ages`.
struct Run {
    customer: u64,
    plan: u8,
    signup: u32,
    rows: usize,
}

/// The active days of a block of customers.
#[derive(Default)]
struct ActiveDays {
    runs: Vec<Run>,
    /// Age in days of each row.
    ages: Vec<u16>,
    /// Whether the log survived; empty unless the truth is asked for.
    logged: Vec<bool>,
}

pub(super) fn rows(data_set: &DataSet, days: &UsageDays, ids: Range<u64>, columns: ColumnSet) -> Vec<Column> {
    let active = active_days(data_set, days, ids);
    let mut made = Vec::with_capacity(6);
    if columns.has(0) {
        made.push(Column::Int64(customer_ids(&active)));
    }
    if columns.has(1) {
        made.push(Column::Date(dates(&active, data_set.model().window().first)));
    }
    if [2, 3, 4].iter().any(|&index| columns.has(index)) {
        values(data_set, &active, columns, &mut made);
    }
    if columns.has(5) {
        made.push(Column::Boolean(active.logged));
    }
    made
}

/// Compiled for each level of vector units and chosen at run time: 76 ns a row of `usage_daily` became 21 (with
/// [`values`], on one core of an AMD EPYC; 26 with AVX2 alone). The source is the same and all of its arithmetic is on
/// whole numbers, so the values are too.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn active_days(data_set: &DataSet, days: &UsageDays, ids: Range<u64>) -> ActiveDays {
    let window_days = data_set.model().window().days;
    let profiles = Profiles::of(data_set, ids.clone());
    let mut found = ActiveDays { runs: Vec::with_capacity(profiles.plan.len()), ..ActiveDays::default() };
    // Grown ahead of need, so that a group's rows are written without a look at the capacity; cut when done.
    let mut rows = 0;
    for ((customer, plan), signup) in ids.zip(profiles.plan).zip(profiles.signup) {
        if signup >= days.asked.end {
            continue;
        }
        let before = rows;
        let thresholds = &data_set.laws().plans[usize::from(plan)].active;
        let ages = days.asked.start.saturating_sub(signup)..days.asked.end.min(window_days) - signup;
        for group in ages.start as usize / GROUP..(ages.end as usize).div_ceil(GROUP) {
            let first_age = group * GROUP;
            let first_day = signup as usize + first_age;
            let words = group_words(data_set.seed(), customer, group);
            let thresholds = &thresholds[first_age..];
            let logged = below(&words, thresholds, &days.surviving[first_day..]);
            let active = match &days.existing {
                None => logged,
                Some(existing) => below(&words, thresholds, &existing[first_day..]),
            };
            if found.ages.len() < rows + GROUP {
                found.ages.resize((rows + GROUP) * 2, 0);
            }
            let slots = &mut found.ages[rows..rows + GROUP];
            let mut left = active;
            let mut count = 0;
            while left != 0 {
                let bit = left.trailing_zeros();
                slots[count] = first_age as u16 + bit as u16;
                if days.existing.is_some() {
                    found.logged.push(logged >> bit & 1 == 1);
                }
                count += 1;
                left &= left - 1;
            }
            rows += count;
        }
        if rows > before {
            found.runs.push(Run { customer, plan, signup, rows: rows - before });
        }
    }
    found.ages.truncate(rows);
    found
}

#[inline(always)]
fn group_words(seed: u64, customer: u64, group: usize) -> [u32; GROUP] {
    let items = std::array::from_fn(|lane| (group * LANES + lane) as u64);
    let words = Address::words_of_lanes(seed, [customer; LANES], items, Purpose::Activity);
    let mut flat = [0; GROUP];
    for (word, lanes) in words.iter().enumerate() {
        for (lane, &value) in lanes.iter().enumerate() {
            flat[word * LANES + lane] = value as u32;
        }
    }
    flat
}

/// A bit for each age of the group: whether its word is below the threshold times the day's share of [`WHOLE`].
///
/// `thresholds` and `shares` begin at the group's first age and have at least [`GROUP`] entries.
#[inline(always)]
fn below(words: &[u32; GROUP], thresholds: &[u32], shares: &[u32]) -> u32 {
    let (thresholds, shares) = (&thresholds[..GROUP], &shares[..GROUP]);
    let mut bits = 0;
    for age in 0..GROUP {
        let limit = (u64::from(thresholds[age]) * u64::from(shares[age]) / WHOLE) as u32;
        bits |= u32::from(words[age] < limit) << age;
    }
    bits
}

fn customer_ids(active: &ActiveDays) -> Vec<i64> {
    let mut ids = Vec::with_capacity(active.ages.len());
    for run in &active.runs {
        ids.resize(ids.len() + run.rows, run.customer as i64);
    }
    ids
}

fn dates(active: &ActiveDays, first_day: Day) -> Vec<Day> {
    let mut dates = Vec::with_capacity(active.ages.len());
    let mut ages = active.ages.as_slice();
    for run in &active.runs {
        let (own, rest) = ages.split_at(run.rows);
        ages = rest;
        let signup = first_day + run.signup as Day;
        dates.extend(own.iter().map(|&age| signup + Day::from(age)));
    }
    dates
}

/// Adds sessions, usage minutes and feature events, as far as they are wanted.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn values(data_set: &DataSet, active: &ActiveDays, columns: ColumnSet, made: &mut Vec<Column>) {
    let laws = data_set.laws();
    let rows_if = |wanted: bool| if wanted { active.ages.len() } else { 0 };
    let wanted = [2, 3, 4].map(|index| columns.has(index));
    let [mut sessions, mut minutes, mut events] = wanted.map(|wanted| vec![0_i32; rows_if(wanted)]);
    let mut start = 0;
    for run in &active.runs {
        let plan = &laws.plans[usize::from(run.plan)];
        let end = start + run.rows;
        for from in (start..end).step_by(LANES) {
            let rows = from..end.min(from + LANES);
            let mut items = [0; LANES];
            for (item, &age) in items.iter_mut().zip(&active.ages[rows.clone()]) {
                *item = u64::from(age);
            }
            let words = Address::words_of_lanes(data_set.seed(), [run.customer; LANES], items, Purpose::UsageValues);
            if wanted[0] {
                for (value, &word) in sessions[rows.clone()].iter_mut().zip(&words[0]) {
                    *value = plan.sessions.value(word as u32);
                }
            }
            if wanted[1] {
                for (value, &word) in minutes[rows.clone()].iter_mut().zip(&words[1]) {
                    *value = plan.minutes.value(word as u32);
                }
            }
            if wanted[2] {
                for (value, (&word, &sessions_word)) in events[rows].iter_mut().zip(words[2].iter().zip(&words[0])) {
                    let sessions = plan.sessions.value(sessions_word as u32);
                    *value = laws.feature_events[sessions as usize].value(word as u32);
                }
            }
        }
        start = end;
    }
    let columns = [sessions, minutes, events];
    made.extend(columns.into_iter().zip(wanted).filter(|&(_, wanted)| wanted).map(|(column, _)| Column::Int32(column)));
}
