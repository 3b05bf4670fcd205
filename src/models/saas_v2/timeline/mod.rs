//! One customer's life, cycle by cycle.

mod life;
mod states;

pub use life::{Attempt, Cycle, Life, Outcome};
pub(super) use states::CycleStates;
