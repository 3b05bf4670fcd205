//! Verdicts on the checks, and their text.

mod judge;
mod numbers;
mod text;
mod verification;

pub use judge::judge;
pub use numbers::{grouped, significant};
pub use verification::{Check, Evidence, Verdict, Verification};
