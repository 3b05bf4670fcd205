//! The share of logs that survived on each day.

use crate::models::Day;
use crate::models::saas_v1::purposes;
use crate::models::saas_v1::seeded_laws::SeededLaws;
use crate::random::{Address, ONE};

/// Returns the share of logs of `day` that survive.
pub(super) fn surviving_share(seeded: &SeededLaws, day: Day) -> f64 {
    let logs = &seeded.parameters().logs;
    let address = Address { customer: 0, item: day as u32, purpose: purposes::LOSS_RATE };
    let [word, ..] = address.words(seeded.seed());
    let loss = logs.loss_min + (logs.loss_max - logs.loss_min) * (f64::from(word) + 0.5) / ONE as f64;
    1.0 - loss
}
