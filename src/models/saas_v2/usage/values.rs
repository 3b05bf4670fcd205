//! Sessions, usage minutes and feature events of active days.

use super::super::laws::minutes::steps_of;
use super::super::purposes;
use super::super::seeded_laws::SeededLaws;
use super::active_days::ActiveDays;
#[cfg(target_arch = "x86_64")]
use super::avx512;
use crate::random::Address;
use crate::random::philox::LANES;
use multiversion::{multiversion, target::match_target};

/// Computes sessions, usage minutes and feature events, for the columns that are asked for.
///
/// If the processor has AVX-512 with VBMI2, the kernel in [`avx512`] takes 3.2 ns a row on one core of an AMD EPYC
/// 9004. The plain one takes 4.3 ns.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn values(seeded: &SeededLaws, active: &ActiveDays, columns: &mut [Option<Vec<i32>>; 3]) {
    match_target! {
        "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" => match &seeded.laws().usage.packed {
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
fn plain_values(seeded: &SeededLaws, active: &ActiveDays, columns: &mut [Option<Vec<i32>>; 3]) {
    let laws = &seeded.laws().usage;
    let [sessions, minutes, events] = columns;
    let max_rows = seeded.laws().cycles.days() as usize;
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
        let sessions_table = laws.sessions[usize::from(customer.class)].sampler();
        let minutes_of_plan = laws.minutes[usize::from(customer.plan)];
        for (_, [sessions_words, minutes_words, events_words, _]) in rows.zip(&words) {
            let (mut drawn, mut other_values) = ([0; LANES], [0; LANES]);
            for (value, &word) in drawn.iter_mut().zip(sessions_words) {
                *value = sessions_table.value(word);
            }
            if let Some(sessions) = sessions {
                sessions.extend_from_slice(&drawn);
            }
            if let Some(minutes) = minutes {
                for (value, (&word, &sessions)) in other_values.iter_mut().zip(minutes_words.iter().zip(&drawn)) {
                    *value = minutes_of_plan.of(sessions, steps_of(&laws.normal, word));
                }
                minutes.extend_from_slice(&other_values);
            }
            if let Some(events) = events {
                for (value, (&word, &sessions)) in other_values.iter_mut().zip(events_words.iter().zip(&drawn)) {
                    *value = laws.events[sessions as usize].value(word);
                }
                events.extend_from_slice(&other_values);
            }
        }
        start += customer.rows;
        // Whole lanes were pushed, which can be more than the customer's rows.
        for column in [&mut *sessions, minutes, events].into_iter().flatten() {
            column.truncate(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::UsageDays;
    use super::super::activity::active_days;
    use super::*;
    use crate::models::saas_v2::Laws;
    use crate::models::saas_v2::parameters::Parameters;
    use std::sync::Arc;

    fn compare(change: impl FnOnce(&mut Parameters), packed_events: u16) {
        let mut parameters = Parameters::saas_v2().unwrap();
        change(&mut parameters);
        let laws = Laws::of(parameters).unwrap();
        assert_eq!(laws.usage.packed.as_ref().map(|packed| packed.events.count), Some(packed_events));
        let seeded = SeededLaws::new(Arc::new(laws), 42);
        let days = UsageDays::truth(&seeded, &seeded.laws().window().range());
        for ids in [1..3_001, 7..8, 3..3] {
            let active = active_days(&seeded, &days, ids);
            let mut plain = [(); 3].map(|()| Some(Vec::new()));
            plain_values(&seeded, &active, &mut plain);
            let mut all = [(); 3].map(|()| Some(Vec::new()));
            values(&seeded, &active, &mut all);
            assert!(all == plain);
            for column in [0, 1, 2] {
                let mut one: [Option<Vec<_>>; 3] = [None, None, None];
                one[column] = Some(Vec::new());
                values(&seeded, &active, &mut one);
                let mut expected = [None, None, None];
                expected[column] = plain[column].clone();
                assert!(one == expected);
            }
        }
    }

    /// Compares 130,000 rows with three draws each. Some have more sessions than there are packed tables of events.
    #[test]
    fn vector_units_and_plain_code_give_the_same_values() {
        compare(|_| (), 220);
    }

    /// Customers with over a thousand rows, and tables with more slots than registers hold.
    #[test]
    fn long_lives_with_many_sessions_have_the_same_values() {
        let long = |parameters: &mut Parameters| {
            parameters.window.months = 60;
            parameters.plans.free.sessions = 400.0;
            parameters.usage.events_per_session = 0.1;
        };
        compare(long, 578);
    }
}
