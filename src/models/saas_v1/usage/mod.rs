//! What saas-v1 gives to the kernels of `usage_daily` and `usage_truth`.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod customers;
mod loss;
mod single_day;
mod values;

use crate::models::Day;
use crate::models::saas_v1::purposes;
use crate::models::saas_v1::seeded_laws::SeededLaws;
use crate::models::usage_kernel::{self, ActiveDays, OutputColumn, SeededUsage, UsageDays, UsageModel, UsagePurposes};
use customers::PlanCustomers;
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
            window: self.window(),
            tables: &self.laws().usage,
        }
    }

    fn activity_share(&self, _day: u32) -> f64 {
        1.0
    }

    fn surviving_share(&self, day: u32) -> f64 {
        loss::surviving_share(self, self.window().first + day as Day)
    }

    fn active_days(&self, days: &UsageDays, ids: Range<u64>) -> ActiveDays {
        if days.asked.len() == 1 && days.existing.is_none() {
            single_day::active_customers(self, days, ids)
        } else {
            usage_kernel::active_days(&self.usage(), days, &mut PlanCustomers::new(self, ids))
        }
    }

    fn values<C: OutputColumn<i32>>(&self, active: &ActiveDays, columns: &mut [Option<C>; 3]) {
        values::values(self, active, columns);
    }
}
