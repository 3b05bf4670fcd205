//! The model: the parameters of a company. It is read once, checked, and never changes afterwards.

pub mod calendar;
mod check;
mod overlay;
mod parameters;

pub use calendar::{Day, Window, date_of, day_of};
pub use check::MAX_ITEMS_PER_CUSTOMER;
pub use parameters::{Billing, Logs, Parameters, Plan, Retention, Shares, Support, Usage, WindowParameters};

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::Path;

/// The version of the generated values. It increases only in releases that change values, which are breaking releases.
pub const VALUE_VERSION: u32 = 2;

/// The most customers of a data set. Ids of invoices and support tickets stay below 10^15 + 1,000.
pub const MAX_CUSTOMERS: u64 = 1_000_000_000_000;

const DEFAULT_MODEL: &str = include_str!("../../data/saas-v1.toml");

/// A checked model, with its window and its fingerprint.
#[derive(Debug, Clone)]
pub struct Model {
    parameters: Parameters,
    window: Window,
    fingerprint: String,
    toml: String,
}

impl Model {
    /// Returns the model of `data/saas-v1.toml`, which is part of the program.
    ///
    /// # Errors
    /// Returns an error if the file is not a valid model. The tests of this crate rule that out.
    pub fn saas_v1() -> Result<Self> {
        Self::from_overlay("")
    }

    /// Returns the default model with the keys of the file at `path` replaced.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if the file doesn't exist or is not a valid overlay, see [`Self::from_overlay`].
    /// Returns [`Error::Io`] if the file can't be read.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::Misuse(format!("the model file {} does not exist", path.display())),
            _ => Error::io("reading the model", path)(error),
        })?;
        Self::from_overlay(&text).map_err(|error| match error {
            Error::Misuse(message) => Error::Misuse(format!("model {}: {message}", path.display())),
            other => other,
        })
    }

    /// Returns the default model with the keys in `text`, which is TOML, replaced.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if `text` is not valid TOML, has an unknown key, or a value of the wrong type or out
    /// of range. The message names the key, its value and what is allowed.
    pub fn from_overlay(text: &str) -> Result<Self> {
        let parse =
            |text: &str| text.parse::<toml::Table>().map_err(|error| Error::Misuse(format!("not valid TOML: {error}")));
        let mut table = parse(DEFAULT_MODEL)?;
        overlay::apply(&mut table, parse(text)?)?;
        let toml = toml::to_string(&table).map_err(|error| Error::Internal(error.to_string()))?;
        let parameters: Parameters =
            table.try_into().map_err(|error: toml::de::Error| Error::Misuse(error.to_string().trim().to_string()))?;
        let window = check::check(&parameters)?;
        let fingerprint = fingerprint(&parameters)?;
        Ok(Self { parameters, window, fingerprint, toml })
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the days that a data set of this model covers.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Returns all parameters as TOML. [`Self::from_overlay`] gives the same model for this text.
    pub fn to_toml(&self) -> &str {
        &self.toml
    }

    /// Returns 32 hexadecimal digits that identify the parameters and [`VALUE_VERSION`]. Models with equal fingerprints
    /// give equal values.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Returns the first 128 bits of the SHA-256 of [`VALUE_VERSION`] and the parameters as JSON, in the order of the
/// structs.
fn fingerprint(parameters: &Parameters) -> Result<String> {
    let text = serde_json::to_string(parameters).map_err(|error| Error::Internal(error.to_string()))?;
    let digest = Sha256::digest(format!("saasgen values {VALUE_VERSION}\n{text}"));
    Ok(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}
