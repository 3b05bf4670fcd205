//! Sessions, usage minutes and feature events of active days.

use super::activity::ActiveDays;
use crate::random::philox::LANES;
use crate::random::{Address, Purpose};
use crate::tables::{Column, ColumnSet, DataSet};
use multiversion::multiversion;

/// The columns of sessions, usage minutes and feature events, as far as they are wanted.
///
/// All words of a customer are mixed before the first is looked up, so that the processor mixes several rows' at a
/// time: 4.3 ns a row (one core of an AMD EPYC 9004), and 4.8 eight rows by eight.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn values(data_set: &DataSet, active: &ActiveDays, columns: ColumnSet) -> Vec<Column> {
    let laws = data_set.laws();
    let wanted = [2, 3, 4].map(|index| columns.has(index));
    // Rows are made by whole lanes, and cut after each customer.
    let [mut sessions, mut minutes, mut events] =
        wanted.map(|wanted| if wanted { Vec::with_capacity(active.rows + LANES) } else { Vec::new() });
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
            *words = Address::words_of_lanes(data_set.seed(), [run.customer; LANES], items, Purpose::UsageValues);
        }
        let plan = &laws.plans[usize::from(run.plan)];
        let (sessions_law, minutes_law) = (plan.sessions.drawer(), plan.minutes.drawer());
        for (_, [sessions_words, minutes_words, events_words, _]) in rows.zip(&words) {
            let (mut drawn, mut others) = ([0; LANES], [0; LANES]);
            for (value, &word) in drawn.iter_mut().zip(sessions_words) {
                *value = sessions_law.value(word);
            }
            if wanted[0] {
                sessions.extend_from_slice(&drawn);
            }
            if wanted[1] {
                for (value, &word) in others.iter_mut().zip(minutes_words) {
                    *value = minutes_law.value(word);
                }
                minutes.extend_from_slice(&others);
            }
            if wanted[2] {
                for (value, (&word, &sessions)) in others.iter_mut().zip(events_words.iter().zip(&drawn)) {
                    *value = laws.feature_events[sessions as usize].value(word);
                }
                events.extend_from_slice(&others);
            }
        }
        start += run.rows;
        sessions.truncate(start);
        minutes.truncate(start);
        events.truncate(start);
    }
    let columns = [sessions, minutes, events].into_iter().zip(wanted);
    columns.filter(|&(_, wanted)| wanted).map(|(column, _)| Column::Int32(column)).collect()
}
