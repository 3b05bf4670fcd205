//! The definition of a built-in model.

use super::calendar::Window;
use super::laws::ModelLaws;
use super::table::{ModelVersion, Table};
use crate::error::Result;
use std::sync::Arc;

/// A built-in model. Files of users change keys of its parameters.
#[derive(Debug, Clone, Copy)]
pub struct ModelDefinition {
    /// The name and the version of the values.
    pub version: ModelVersion,
    /// The parameters as TOML.
    pub parameters: &'static str,
    /// The tables of the parameters to which users can add keys. All other tables have only the keys of `parameters`.
    pub open_tables: &'static [&'static str],
    /// The tables, in the order of lists.
    pub tables: &'static [Table],
    /// Checks parameters.
    pub resolve: fn(toml::Table) -> Result<Resolved>,
}

/// Builds the laws of a model.
pub type BuildLaws = Box<dyn FnOnce() -> Arc<dyn ModelLaws> + Send>;

/// Checked parameters, in several forms.
pub struct Resolved {
    /// The name in the parameters.
    pub name: String,
    /// The days that a data set covers.
    pub window: Window,
    /// All parameters in their order, with dates as text, which JSON can hold.
    pub parameters: toml::Table,
    /// All parameters as JSON. Its bytes are a part of the fingerprint.
    pub json: String,
    /// Builds the laws.
    pub build: BuildLaws,
}
