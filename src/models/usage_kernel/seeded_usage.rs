//! The laws of usage with a seed, as the kernels read them.

use super::tables::UsageTables;
use crate::models::Window;
use crate::random::Purpose;
use crate::random::philox::RoundKeys;

/// What the usage of a data set's customers is drawn from.
#[derive(Debug, Clone, Copy)]
pub struct SeededUsage<'a> {
    /// The seed's keys.
    pub keys: &'a RoundKeys,
    /// The purposes of the draws.
    pub purposes: UsagePurposes,
    /// The days that the data set covers.
    pub window: Window,
    /// The distributions of the values.
    pub tables: &'a UsageTables,
}

/// The purposes of a model's draws of usage.
#[derive(Debug, Clone, Copy)]
pub struct UsagePurposes {
    /// The upper 16 bits of the draw that decides whether a customer was active on a day, and whether the log survived.
    /// [`age_group`](super::age_group) shows the layout of items and words.
    pub activity: Purpose,
    /// The lower 16 bits of the same draw, at the same items.
    pub activity_tie: Purpose,
    /// Sessions, usage minutes and feature events of an active day in words 0, 1 and 2. The item is the customer's age
    /// in days.
    pub values: Purpose,
}
