//! Sessions, usage minutes and feature events of active days, without AVX-512.

use super::active_days::ActiveDays;
use super::output_column::OutputColumn;
use super::seeded_usage::SeededUsage;
use crate::random::Address;
use crate::random::philox::LANES;

/// How a model draws usage minutes. The methods run within [`plain_values`], so they should be inlined.
pub trait Minutes {
    /// Returns how the minutes of customers of `class` are drawn.
    fn of_class(&self, class: u8) -> impl MinutesOfClass;
}

/// How usage minutes of one class of customers are drawn.
pub trait MinutesOfClass {
    /// Returns the minutes that `word` gives to a row with these sessions.
    fn minutes(&self, sessions: i32, word: u32) -> i32;
}

/// Computes sessions, usage minutes and feature events, for the columns that are asked for.
///
/// All random words of a customer are computed before the first look-up, so the processor computes several at once.
#[inline(always)]
pub fn plain_values<C: OutputColumn<i32>>(
    seeded: &SeededUsage,
    minutes_law: &impl Minutes,
    active: &ActiveDays,
    columns: &mut [Option<C>; 3],
) {
    let tables = seeded.tables;
    let [sessions, minutes, events] = columns;
    let max_rows = seeded.window.days as usize;
    let mut words = vec![[[0; LANES]; 4]; max_rows.div_ceil(LANES)];
    let mut start = 0;
    for customer in &active.customers {
        let rows = (start..start + customer.rows).step_by(LANES);
        for (from, words) in rows.clone().zip(&mut words) {
            let mut items = [0; LANES];
            for (item, &age) in items.iter_mut().zip(&active.ages[from..from + LANES]) {
                *item = u64::from(age);
            }
            *words = Address::words_of_lanes(seeded.keys, [customer.id; LANES], items, seeded.purposes.values);
        }
        let sessions_table = tables.sessions[usize::from(customer.class)].sampler();
        let minutes_of_class = minutes_law.of_class(customer.class);
        for (_, [sessions_words, minutes_words, events_words, _]) in rows.zip(&words) {
            let (mut drawn, mut other_values) = ([0; LANES], [0; LANES]);
            for (value, &word) in drawn.iter_mut().zip(sessions_words) {
                *value = sessions_table.value(word);
            }
            if let Some(sessions) = sessions {
                sessions.push(&drawn);
            }
            if let Some(minutes) = minutes {
                for (value, (&word, &sessions)) in other_values.iter_mut().zip(minutes_words.iter().zip(&drawn)) {
                    *value = minutes_of_class.minutes(sessions, word);
                }
                minutes.push(&other_values);
            }
            if let Some(events) = events {
                for (value, (&word, &sessions)) in other_values.iter_mut().zip(events_words.iter().zip(&drawn)) {
                    *value = tables.events[sessions as usize].value(word);
                }
                events.push(&other_values);
            }
        }
        start += customer.rows;
        // Whole lanes were pushed, which can be more than the customer's rows.
        for column in [&mut *sessions, minutes, events].into_iter().flatten() {
            column.truncate_rows(start);
        }
    }
}
