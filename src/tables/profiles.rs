//! What every table needs of a customer: signup day, plan, region.

use super::DataSet;
use crate::random::philox::LANES;
use crate::random::{Address, Purpose, uniform};
use std::ops::Range;

/// The profiles of a run of customers, by column.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    /// Days from the window's first day.
    pub signup: Vec<u32>,
    /// Index into the model's plans.
    pub plan: Vec<u8>,
    /// Index into the model's regions.
    pub region: Vec<u8>,
}

impl Profiles {
    /// The profiles of the customers with ids in `ids`.
    pub fn of(data_set: &DataSet, ids: Range<u64>) -> Self {
        let laws = data_set.laws();
        let days = data_set.model().window().days;
        let count = (ids.end - ids.start) as usize;
        let mut profiles = Self {
            signup: Vec::with_capacity(count),
            plan: Vec::with_capacity(count),
            region: Vec::with_capacity(count),
        };
        for first in ids.clone().step_by(LANES) {
            let customers = std::array::from_fn(|lane| first + lane as u64);
            let [signup, plan, region, _] =
                Address::words_of_lanes(data_set.seed(), customers, [0; LANES], Purpose::Profile);
            let lanes = LANES.min((ids.end - first) as usize);
            profiles.signup.extend(signup[..lanes].iter().map(|&word| uniform(word as u32, days)));
            profiles.plan.extend(plan[..lanes].iter().map(|&word| laws.plan.index(word as u32) as u8));
            profiles.region.extend(region[..lanes].iter().map(|&word| laws.region.index(word as u32) as u8));
        }
        profiles
    }
}
