//! Random words by address, and samplers of discrete distributions.
//!
//! No draw follows another one. Each is the value at an [`Address`] under a seed, so any row of any table can be
//! generated on its own. The words come from Philox4x32-7 ([`philox`]). Discrete distributions are exact tables
//! ([`AliasTable`]) of probabilities that [`distributions`] computes with the same result on every platform.

mod address;
mod alias_table;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub mod distributions;
mod fixed_point;
pub mod philox;

pub use address::{Address, AddressRng, Purpose};
pub use alias_table::{AliasTable, Sampler};
pub use fixed_point::{ONE, threshold, uniform};
