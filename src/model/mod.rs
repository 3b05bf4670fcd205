//! The model: the parameters of a company. It is read once, checked, and never changes afterwards.

pub mod calendar;
mod check;
mod overlay;
mod parameters;

pub use calendar::{Day, Window, date_of, day_of};
pub use check::MAX_ITEMS_PER_CUSTOMER;
pub use parameters::{Billing, Logs, Parameters, Plan, Retention, Shares, Support, Usage, WindowParameters};

use crate::error::{Error, Result};
use crate::plain_file;
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::Path;

/// The version of the generated values. It increases only in releases that change values, which are breaking releases.
pub const VALUE_VERSION: u32 = 2;

/// The most customers of a data set. Ids of invoices and support tickets stay below 10^15 + 1,000.
pub const MAX_CUSTOMERS: u64 = 1_000_000_000_000;

/// The name of the built-in model.
pub const SAAS_V1: &str = "saas-v1";

const DEFAULT_MODEL: &str = include_str!("../../data/saas-v1.toml");

/// A checked model, with its window and its fingerprint.
#[derive(Debug, Clone)]
pub struct Model {
    parameters: Parameters,
    name: String,
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
    /// Returns [`Error::Misuse`] if the file doesn't exist, is neither a plain file nor an unnamed pipe, or is not a valid overlay, see [`Self::from_overlay`].
    /// Returns [`Error::Io`] if the file can't be read.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = plain_file::read_text(path).map_err(|error| match error {
            Error::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
                Error::Misuse(format!("the model file {} does not exist", path.display()))
            }
            other => other,
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
        Self::with(parse(text)?)
    }

    /// Returns the model whose [`base`](Self::base) and parameters a manifest or a server states.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if there is no such base, or if the parameters are not valid, see
    /// [`Self::from_overlay`].
    pub fn from_table(base: &str, parameters: &toml::Table) -> Result<Self> {
        check_base(base)?;
        Self::with(parameters.clone())
    }

    /// Returns the built-in model `base` without changes.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if there is no such model.
    pub fn built_in(base: &str) -> Result<Self> {
        check_base(base)?;
        Self::saas_v1()
    }

    /// Returns the default model with the keys of `overlay` replaced.
    fn with(overlay: toml::Table) -> Result<Self> {
        let default = parse(DEFAULT_MODEL)?;
        let mut table = default.clone();
        overlay::apply(&mut table, overlay)?;
        let is_changed = table != default;
        let toml = toml::to_string(&table).map_err(|error| Error::Internal(error.to_string()))?;
        let parameters: Parameters =
            table.try_into().map_err(|error: toml::de::Error| Error::Misuse(error.to_string().trim().to_string()))?;
        let window = check::check(&parameters)?;
        let fingerprint = fingerprint(&parameters)?;
        let suffix = if is_changed && parameters.name == SAAS_V1 { " (changed)" } else { "" };
        let name = parameters.name.clone() + suffix;
        Ok(Self { parameters, name, window, fingerprint, toml })
    }

    /// Returns the name for people: the name in the parameters, or `saas-v1 (changed)` if a model file changes other
    /// parameters and not the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name of the built-in model that the parameters belong to.
    pub fn base(&self) -> &'static str {
        SAAS_V1
    }

    /// Returns all parameters in their order, with dates as text, which JSON can hold. [`Self::from_table`] gives the
    /// same model for them.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the serializer fails, which is a bug.
    pub fn to_table(&self) -> Result<toml::Table> {
        toml::Table::try_from(&self.parameters).map_err(|error| Error::Internal(error.to_string()))
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

fn parse(text: &str) -> Result<toml::Table> {
    text.parse().map_err(|error| Error::Misuse(format!("not valid TOML: {error}")))
}

fn check_base(base: &str) -> Result<()> {
    if base == SAAS_V1 {
        return Ok(());
    }
    Err(Error::Misuse(format!("there is no built-in model {base:?}; this version of saasgen has {SAAS_V1}")))
}

/// Returns the first 128 bits of the SHA-256 of [`VALUE_VERSION`] and the parameters as JSON, in the order of the
/// structs.
fn fingerprint(parameters: &Parameters) -> Result<String> {
    let text = serde_json::to_string(parameters).map_err(|error| Error::Internal(error.to_string()))?;
    let digest = Sha256::digest(format!("saasgen values {VALUE_VERSION}\n{text}"));
    Ok(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}
