//! Sessions, usage minutes and feature events of active days, all drawn by tables.

#[cfg(target_arch = "x86_64")]
use super::avx512;
use crate::models::saas_v1::seeded_laws::SeededLaws;
use crate::models::usage_kernel::{
    ActiveDays, Minutes, MinutesOfClass, OutputColumn, UsageModel, UsageTables, plain_values,
};
use crate::random::Sampler;
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
pub(super) fn values<C: OutputColumn<i32>>(seeded: &SeededLaws, active: &ActiveDays, columns: &mut [Option<C>; 3]) {
    let usage = seeded.usage();
    match_target! {
        "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" => match &usage.tables.packed {
            Some(packed) => avx512::values(&usage, packed, active, columns),
            None => plain_values(&usage, &MinutesTables(usage.tables), active, columns),
        },
        _ => plain_values(&usage, &MinutesTables(usage.tables), active, columns),
    }
}

/// The tables of usage minutes.
struct MinutesTables<'a>(&'a UsageTables);

impl Minutes for MinutesTables<'_> {
    #[inline(always)]
    fn of_class(&self, class: u8) -> impl MinutesOfClass {
        self.0.minutes[usize::from(class)].sampler()
    }
}

impl MinutesOfClass for Sampler<'_> {
    #[inline(always)]
    fn minutes(&self, _sessions: i32, word: u32) -> i32 {
        self.value(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::usage_kernel::testing::assert_vector_units_and_plain_code_agree;

    fn compare(overlay: &str, is_packed: impl Fn(&UsageTables) -> bool) {
        let seeded = SeededLaws::of_overlay(overlay, 42);
        let tables = seeded.usage().tables;
        assert!(is_packed(tables), "{overlay}");
        assert_vector_units_and_plain_code_agree(&seeded, &MinutesTables(tables));
    }

    /// Whether the tables of feature events are packed for all numbers of sessions.
    fn is_packed_whole(tables: &UsageTables) -> bool {
        tables.packed.as_ref().is_some_and(|packed| usize::from(packed.events.count) == tables.events.len())
    }

    /// Compares 144,000 rows of the default model, with three draws each. Six or seven of the draws are ties.
    #[test]
    fn vector_units_and_plain_code_give_the_same_values() {
        compare("", is_packed_whole);
        // Tables with more slots than registers hold, more sessions than one register holds, and customers with over a
        // thousand rows.
        compare("[plans.Free]\nsessions = 110.0\n[plans.Pro]\nminutes = 2.0\n[window]\nmonths = 60\n", is_packed_whole);
        // A distribution whose first value is far from zero.
        compare("[usage]\nevents_per_session = 10.0\n", is_packed_whole);
    }

    #[test]
    fn tables_that_are_packed_in_part_or_not_at_all_give_the_same_values() {
        // More slots than an index of 16 bits reaches.
        let is_packed_in_part = |tables: &UsageTables| tables.packed.is_some() && !is_packed_whole(tables);
        compare("[plans.Free]\nsessions = 900.0\n", is_packed_in_part);
        let plan = |number| {
            format!(
                "[plans.P{number}]\nshare = 0.0\nprice = 1.0\nactive_share = 0.5\nsessions = 900.0\nminutes = 700.0\n"
            )
        };
        compare(&(0..40).map(plan).collect::<String>(), |tables| tables.packed.is_none());
    }
}
