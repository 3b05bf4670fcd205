//! Sessions, usage minutes and feature events of active days.

use super::activity::ActiveDays;
#[cfg(target_arch = "x86_64")]
use super::avx512;
use crate::random::philox::LANES;
use crate::random::{Address, Purpose};
use crate::tables::DataSet;
use crate::tables::room::Room;
use multiversion::{multiversion, target::match_target};

/// The most values that are put into a column at a time.
pub(super) const MOST_LANES: usize = 4 * LANES;

/// Puts sessions, usage minutes and feature events, as far as they are wanted.
///
/// Where there is AVX-512 with VBMI2, its own kernel makes them: 3.2 ns a row (one core of an AMD EPYC 9004), and 4.3
/// by the plain one.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn values<R: Room<i32>>(data_set: &DataSet, active: &ActiveDays, wanted: &mut [Option<R>; 3]) {
    match_target! {
        "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" => match &data_set.laws().narrow {
            Some(narrow) => avx512::values(data_set, narrow, active, wanted),
            None => plain_values(data_set, active, wanted),
        },
        _ => plain_values(data_set, active, wanted),
    }
}

/// All words of a customer are mixed before the first is looked up, so that the processor mixes several rows' at a time.
#[inline(always)]
fn plain_values<R: Room<i32>>(data_set: &DataSet, active: &ActiveDays, wanted: &mut [Option<R>; 3]) {
    let laws = data_set.laws();
    let [sessions, minutes, events] = wanted;
    let most_rows = data_set.model().window().days as usize;
    let mut words = vec![[[0; LANES]; 4]; most_rows.div_ceil(LANES)];
    let mut start = 0;
    for run in &active.runs {
        let rows = (start..start + run.rows).step_by(LANES);
        for (from, words) in rows.clone().zip(&mut words) {
            let mut items = [0; LANES];
            for (item, &age) in items.iter_mut().zip(&active.ages[from..from + LANES]) {
                *item = u64::from(age);
            }
            *words = Address::words_of_lanes(data_set.round_keys(), [run.customer; LANES], items, Purpose::UsageValues);
        }
        let plan = &laws.plans[usize::from(run.plan)];
        let (sessions_law, minutes_law) = (plan.sessions.drawer(), plan.minutes.drawer());
        for (_, [sessions_words, minutes_words, events_words, _]) in rows.zip(&words) {
            let (mut drawn, mut others) = ([0; LANES], [0; LANES]);
            for (value, &word) in drawn.iter_mut().zip(sessions_words) {
                *value = sessions_law.value(word);
            }
            if let Some(sessions) = sessions {
                sessions.put(&drawn);
            }
            if let Some(minutes) = minutes {
                for (value, &word) in others.iter_mut().zip(minutes_words) {
                    *value = minutes_law.value(word);
                }
                minutes.put(&others);
            }
            if let Some(events) = events {
                for (value, (&word, &sessions)) in others.iter_mut().zip(events_words.iter().zip(&drawn)) {
                    *value = laws.feature_events[sessions as usize].value(word);
                }
                events.put(&others);
            }
        }
        start += run.rows;
        // Rows are made by whole lanes.
        for column in [&mut *sessions, minutes, events].into_iter().flatten() {
            column.cut(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::tables::Laws;
    use crate::tables::usage::UsageDays;
    use crate::tables::usage::activity::active_days;
    use std::sync::Arc;

    /// What this machine's vector units give is what plain code gives: of 96,000 rows of the default model with three
    /// draws each, halves of 16 bits leave four or five open.
    #[test]
    fn every_way_gives_the_same_values() {
        let models = [
            ("", true),
            // Laws of more slots than registers hold, of events beyond one register's, and runs of over a thousand rows.
            ("[plans.Free]\nsessions = 110.0\n[plans.Pro]\nminutes = 2.0\n[window]\nmonths = 60\n", true),
            // A law that begins far from zero.
            ("[usage]\nevents_per_session = 10.0\n", true),
            // More slots than 16 bits number.
            ("[plans.Free]\nsessions = 900.0\n", false),
        ];
        for (overlay, is_narrow) in models {
            let laws = Arc::new(Laws::new(Model::from_overlay(overlay).unwrap()));
            assert_eq!(laws.narrow.is_some(), is_narrow, "{overlay}");
            let data_set = DataSet::new(laws, 42, 2_000).unwrap();
            let days = UsageDays::truth(&data_set, &data_set.model().window().range());
            for ids in [1..2_001, 7..8, 3..3] {
                let active = active_days(&data_set, &days, ids);
                let mut plain = [(); 3].map(|()| Some(Vec::new()));
                plain_values(&data_set, &active, &mut plain);
                let mut all = [(); 3].map(|()| Some(Vec::new()));
                values(&data_set, &active, &mut all);
                assert!(all == plain, "{overlay}");
                for wanted in [0, 1, 2] {
                    let mut one: [Option<Vec<_>>; 3] = [None, None, None];
                    one[wanted] = Some(Vec::new());
                    values(&data_set, &active, &mut one);
                    let mut expected = [None, None, None];
                    expected[wanted] = plain[wanted].clone();
                    assert!(one == expected, "{overlay}");
                }
            }
        }
    }
}
