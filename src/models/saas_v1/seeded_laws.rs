//! The laws with a seed: all that the values of a customer depend on.

use super::laws::Laws;
use super::parameters::Parameters;
use crate::models::Window;
use crate::random::philox::RoundKeys;
use std::sync::Arc;

/// The laws with a seed.
#[derive(Debug)]
pub(super) struct SeededLaws {
    laws: Arc<Laws>,
    seed: u64,
    round_keys: RoundKeys,
}

impl SeededLaws {
    pub fn new(laws: Arc<Laws>, seed: u64) -> Self {
        Self { laws, seed, round_keys: RoundKeys::new(seed) }
    }

    pub fn laws(&self) -> &Laws {
        &self.laws
    }

    pub fn parameters(&self) -> &Parameters {
        self.laws.parameters()
    }

    pub fn window(&self) -> Window {
        self.laws.window()
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the seed's keys for all rounds of Philox.
    pub fn round_keys(&self) -> &RoundKeys {
        &self.round_keys
    }
}

#[cfg(test)]
impl SeededLaws {
    /// Returns the laws of the default model with the keys of `overlay` replaced.
    pub fn of_overlay(overlay: &str, seed: u64) -> Self {
        let model = crate::models::Model::from_overlay(overlay).unwrap();
        let laws: &Laws = model.laws().unwrap();
        Self::new(Arc::new(Laws::new(laws.parameters().clone(), laws.window())), seed)
    }
}
