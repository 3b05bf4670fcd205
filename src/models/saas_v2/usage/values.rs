//! Sessions, usage minutes and feature events of active days. Minutes follow sessions and a normal number.

use super::super::laws::{LEVELS, Minutes, MinutesLaws, plan_of_usage_class, steps_of};
use super::super::seeded_laws::SeededLaws;
#[cfg(target_arch = "x86_64")]
use super::avx512;
use crate::models::usage_kernel::{self, ActiveDays, MinutesOfClass, OutputColumn, UsageModel, plain_values};
use multiversion::{multiversion, target::match_target};

/// Computes sessions, usage minutes and feature events, for the columns that are asked for.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
pub(super) fn values<C: OutputColumn<i32>>(seeded: &SeededLaws, active: &ActiveDays, columns: &mut [Option<C>; 3]) {
    let (usage, laws) = (seeded.usage(), &seeded.laws().minutes);
    match_target! {
        "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vbmi2+avx2+bmi1+bmi2+popcnt+lzcnt" => match &usage.tables.packed {
            Some(packed) => avx512::values(&usage, packed, laws, active, columns),
            None => plain_values(&usage, laws, active, columns),
        },
        _ => plain_values(&usage, laws, active, columns),
    }
}

impl usage_kernel::Minutes for MinutesLaws {
    #[inline(always)]
    fn of_class(&self, class: u8) -> impl MinutesOfClass {
        NormalMinutes { of_plan: self.plans[plan_of_usage_class(usize::from(class))], normal: &self.normal }
    }
}

/// The minutes of one plan, with the values of the normal number.
struct NormalMinutes<'a> {
    of_plan: Minutes,
    normal: &'a [u16; LEVELS],
}

impl MinutesOfClass for NormalMinutes<'_> {
    #[inline(always)]
    fn minutes(&self, sessions: i32, word: u32) -> i32 {
        self.of_plan.of(sessions, steps_of(self.normal, word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::saas_v2::Laws;
    use crate::models::saas_v2::parameters::Parameters;
    use crate::models::usage_kernel::testing::assert_vector_units_and_plain_code_agree;
    use std::sync::Arc;

    fn compare(change: impl FnOnce(&mut Parameters), packed_events: u16) {
        let mut parameters = Parameters::saas_v2().unwrap();
        change(&mut parameters);
        let laws = Laws::of(parameters).unwrap();
        assert_eq!(laws.usage.packed.as_ref().map(|packed| packed.events.count), Some(packed_events));
        let seeded = SeededLaws::new(Arc::new(laws), 42);
        assert_vector_units_and_plain_code_agree(&seeded, &seeded.laws().minutes);
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
