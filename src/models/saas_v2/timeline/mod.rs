//! One customer's life, cycle by cycle.

mod cycle;
mod life;
mod states;

pub use cycle::{Attempt, Cycle, Outcome};
pub use life::Life;
pub(super) use states::CycleStates;
