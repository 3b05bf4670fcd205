//! Sessions, usage minutes and feature events of active days.

use super::active_days::ActiveDays;
#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::output_column::OutputColumn;
use crate::models::{saas_v1::purposes, saas_v1::seeded_laws::SeededLaws};
use crate::random::Address;
use crate::random::philox::LANES;
use multiversion::{multiversion, target::match_target};

/// The most values that are pushed to a column at once.
pub(super) const MAX_PUSHED: usize = 4 * LANES;

/// Computes sessions, usage minutes and feature events, for the columns that are asked for.
///
/// If the processor has AVX-512 with VBMI2, the kernel in [`avx512`] takes 3.2 ns a row on one core of an AMD EPYC
/// 9004. The plain one takes 4.3 ns.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn values<C: OutputColumn<i32>>(seeded: &SeededLaws, active: &ActiveDays, columns: &mut [Option<C>; 3]) {
    match_target! {
        "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" => match &seeded.laws().packed {
            Some(packed) => avx512::values(seeded, packed, active, columns),
            None => plain_values(seeded, active, columns),
        },
        _ => plain_values(seeded, active, columns),
    }
}

/// Computes the values without AVX-512.
///
/// All random words of a customer are computed before the first look-up, so the processor computes several at once.
#[inline(always)]
fn plain_values<C: OutputColumn<i32>>(seeded: &SeededLaws, active: &ActiveDays, columns: &mut [Option<C>; 3]) {
    let laws = seeded.laws();
    let [sessions, minutes, events] = columns;
    let max_rows = seeded.window().days as usize;
    let mut words = vec![[[0; LANES]; 4]; max_rows.div_ceil(LANES)];
    let mut start = 0;
    for customer in &active.customers {
        let rows = (start..start + customer.rows).step_by(LANES);
        for (from, words) in rows.clone().zip(&mut words) {
            let mut items = [0; LANES];
            for (item, &age) in items.iter_mut().zip(&active.ages[from..from + LANES]) {
                *item = u64::from(age);
            }
            *words = Address::words_of_lanes(seeded.round_keys(), [customer.id; LANES], items, purposes::USAGE_VALUES);
        }
        let plan = &laws.plans[usize::from(customer.plan)];
        let (sessions_table, minutes_table) = (plan.sessions.sampler(), plan.minutes.sampler());
        for (_, [sessions_words, minutes_words, events_words, _]) in rows.zip(&words) {
            let (mut drawn, mut other_values) = ([0; LANES], [0; LANES]);
            for (value, &word) in drawn.iter_mut().zip(sessions_words) {
                *value = sessions_table.value(word);
            }
            if let Some(sessions) = sessions {
                sessions.push(&drawn);
            }
            if let Some(minutes) = minutes {
                for (value, &word) in other_values.iter_mut().zip(minutes_words) {
                    *value = minutes_table.value(word);
                }
                minutes.push(&other_values);
            }
            if let Some(events) = events {
                for (value, (&word, &sessions)) in other_values.iter_mut().zip(events_words.iter().zip(&drawn)) {
                    *value = laws.feature_events[sessions as usize].value(word);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::saas_v1::usage::UsageDays;
    use crate::models::saas_v1::usage::activity::active_days;

    /// Compares 96,000 rows of the default model, with three draws each. Four or five of the draws are ties.
    #[test]
    fn vector_units_and_plain_code_give_the_same_values() {
        let models = [
            ("", true),
            // Tables with more slots than registers hold, more sessions than one register holds, and customers with
            // over a thousand rows.
            ("[plans.Free]\nsessions = 110.0\n[plans.Pro]\nminutes = 2.0\n[window]\nmonths = 60\n", true),
            // A distribution whose first value is far from zero.
            ("[usage]\nevents_per_session = 10.0\n", true),
            // More slots than an index of 16 bits reaches.
            ("[plans.Free]\nsessions = 900.0\n", false),
        ];
        for (overlay, is_packed) in models {
            let seeded = SeededLaws::of_overlay(overlay, 42);
            assert_eq!(seeded.laws().packed.is_some(), is_packed, "{overlay}");
            let days = UsageDays::truth(&seeded, &seeded.window().range());
            for ids in [1..2_001, 7..8, 3..3] {
                let active = active_days(&seeded, &days, ids);
                let mut plain = [(); 3].map(|()| Some(Vec::new()));
                plain_values(&seeded, &active, &mut plain);
                let mut all = [(); 3].map(|()| Some(Vec::new()));
                values(&seeded, &active, &mut all);
                assert!(all == plain, "{overlay}");
                for column in [0, 1, 2] {
                    let mut one: [Option<Vec<_>>; 3] = [None, None, None];
                    one[column] = Some(Vec::new());
                    values(&seeded, &active, &mut one);
                    let mut expected = [None, None, None];
                    expected[column] = plain[column].clone();
                    assert!(one == expected, "{overlay}");
                }
            }
        }
    }
}
