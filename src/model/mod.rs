//! The model: what the company is like. Read once, checked whole, immutable after.

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

/// Raised when, and only when, the values that a model gives change. A change is a breaking release.
pub const VALUE_VERSION: u32 = 2;

/// Data sets up to this size can be asked for. Ids of invoices and tickets then stay under 10^15 + 1,000.
pub const MAX_CUSTOMERS: u64 = 1_000_000_000_000;

const DEFAULT_MODEL: &str = include_str!("../../data/saas-v1.toml");

/// A checked model with its window and fingerprint.
#[derive(Debug, Clone)]
pub struct Model {
    parameters: Parameters,
    window: Window,
    fingerprint: String,
    toml: String,
}

impl Model {
    /// The model embedded in the program, `data/saas-v1.toml`.
    ///
    /// # Errors
    /// None in a program whose tests pass: the file is part of it.
    pub fn saas_v1() -> Result<Self> {
        Self::from_overlay("")
    }

    /// The default model with the keys in the file at `path` laid over it.
    ///
    /// # Errors
    /// [`Error::Misuse`] where there is no such file, [`Error::Io`] where it can't be read; else as [`Self::from_overlay`], with the file's name.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::Misuse(format!("there is no model file {}", path.display())),
            _ => Error::io("reading the model", path)(error),
        })?;
        Self::from_overlay(&text).map_err(|error| match error {
            Error::Misuse(message) => Error::Misuse(format!("model {}: {message}", path.display())),
            other => other,
        })
    }

    /// The default model with the keys in `text` (TOML) laid over it.
    ///
    /// # Errors
    /// [`Error::Misuse`] naming the key, its value and what is allowed: where `text` is no TOML, has an unknown key,
    /// a value of another kind, or one that no company can have.
    pub fn from_overlay(text: &str) -> Result<Self> {
        let parse =
            |text: &str| text.parse::<toml::Table>().map_err(|error| Error::Misuse(format!("not valid TOML: {error}")));
        let mut table = parse(DEFAULT_MODEL)?;
        overlay::lay_over(&mut table, parse(text)?)?;
        let toml = toml::to_string(&table).map_err(|error| Error::Internal(error.to_string()))?;
        let parameters: Parameters =
            table.try_into().map_err(|error: toml::de::Error| Error::Misuse(error.to_string().trim().to_string()))?;
        let window = check::check(&parameters)?;
        let fingerprint = fingerprint(&parameters)?;
        Ok(Self { parameters, window, fingerprint, toml })
    }

    /// Every figure of the model.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The days that a data set of this model covers.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Every figure as TOML, which [`Self::from_overlay`] reads back as the same model.
    pub fn to_toml(&self) -> &str {
        &self.toml
    }

    /// 32 hexadecimal digits that name the parameters and the value version: where two are equal, so are all values.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// The first 128 bits of the SHA-256 of the value version and the parameters as JSON, in the order of the structs.
fn fingerprint(parameters: &Parameters) -> Result<String> {
    let text = serde_json::to_string(parameters).map_err(|error| Error::Internal(error.to_string()))?;
    let digest = Sha256::digest(format!("saasgen values {VALUE_VERSION}\n{text}"));
    Ok(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}
