//! The comparison with what the model generates, value by value.

mod differences;
mod regenerated;

pub use differences::Differences;
pub use regenerated::{Regenerated, RegeneratedTable};
