//! What saas-v2 gives to the kernels of `usage_daily` and `usage_truth`.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod customers;
mod values;

use super::purposes;
use super::seeded_laws::SeededLaws;
use crate::models::usage_kernel::{self, ActiveDays, OutputColumn, SeededUsage, UsageDays, UsageModel, UsagePurposes};
use customers::CycleCustomers;
use std::ops::Range;

impl UsageModel for SeededLaws {
    fn usage(&self) -> SeededUsage<'_> {
        SeededUsage {
            keys: self.round_keys(),
            purposes: UsagePurposes {
                activity: purposes::ACTIVITY,
                activity_tie: purposes::ACTIVITY_TIE,
                values: purposes::USAGE_VALUES,
            },
            window: self.laws().window(),
            tables: &self.laws().usage,
        }
    }

    fn activity_share(&self, day: u32) -> f64 {
        self.calendar()[day as usize].activity()
    }

    fn surviving_share(&self, day: u32) -> f64 {
        1.0 - self.calendar()[day as usize].loss_rate
    }

    fn active_days(&self, days: &UsageDays, ids: Range<u64>) -> ActiveDays {
        usage_kernel::active_days(&self.usage(), days, &mut CycleCustomers::new(self, ids))
    }

    fn values<C: OutputColumn<i32>>(&self, active: &ActiveDays, columns: &mut [Option<C>; 3]) {
        values::values(self, active, columns);
    }
}
