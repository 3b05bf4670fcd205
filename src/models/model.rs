//! A model: the parameters of a company and the laws that follow from them. It is read once, checked, and never changes
//! afterwards.

use super::bounds::Bounds;
use super::built_in::{built_in_model, default_model, model_names};
use super::calendar::{Day, Window};
use super::definition::{BuildLaws, ModelDefinition, Resolved};
use super::expected::RowsPerCustomer;
use super::laws::{ModelLaws, TableRows};
use super::names::Names;
use super::overlay;
use super::saas_v1;
use super::saas_v2;
use super::table::{ColumnSet, Table};
use crate::error::{Error, Result};
use crate::plain_file;
use sha2::{Digest, Sha256};
use std::any::Any;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use toml::Value;

/// A checked model, with its window and its fingerprint. Clones share its memory.
#[derive(Debug, Clone)]
pub struct Model(Arc<Contents>);

#[derive(Debug)]
struct Contents {
    base: ModelDefinition,
    name: String,
    window: Window,
    fingerprint: String,
    parameters: toml::Table,
    toml: String,
    /// Built when they are needed: they take up to 512 MB for a window of ten years and 100 plans.
    laws: LazyLock<Arc<dyn ModelLaws>, BuildLaws>,
}

impl Model {
    /// Returns the built-in model that is used if none is named, without changes.
    ///
    /// # Errors
    /// Returns an error if the program's own file is not a valid model. The tests of this crate rule that out.
    pub fn default_built_in() -> Result<Self> {
        Self::from_overlay("")
    }

    /// Returns the model saas-v2 without changes.
    ///
    /// # Errors
    /// See [`Self::default_built_in`].
    pub fn saas_v2() -> Result<Self> {
        Self::built_in(saas_v2::VERSION.name)
    }

    /// Returns the model saas-v1 without changes.
    ///
    /// # Errors
    /// See [`Self::default_built_in`].
    pub fn saas_v1() -> Result<Self> {
        Self::built_in(saas_v1::VERSION.name)
    }

    /// Returns the built-in model that `name` names, or else the model of the file at this path, see
    /// [`Self::from_file`].
    ///
    /// # Errors
    /// See [`Self::from_file`].
    pub fn from_name_or_file(name: &Path) -> Result<Self> {
        match name.to_str().map(built_in_model) {
            Some(Ok(model)) => Self::with(model, toml::Table::new()),
            _ => Self::from_file(name),
        }
    }

    /// Returns the model of the file at `path`, which replaces keys of a built-in model.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if the file doesn't exist, is neither a plain file nor an unnamed pipe, or is not a
    /// valid overlay, see [`Self::from_overlay`]. Returns [`Error::Io`] if the file can't be read.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = plain_file::read_text(path).map_err(|error| match error {
            Error::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
                let built_in = model_names().join(", ");
                Error::Misuse(format!(
                    "the model file {} does not exist; the built-in models are {built_in}",
                    path.display()
                ))
            }
            other => other,
        })?;
        Self::from_overlay(&text).map_err(|error| match error {
            Error::Misuse(message) => Error::Misuse(format!("model {}: {message}", path.display())),
            other => other,
        })
    }

    /// Returns a built-in model with the keys in `text`, which is TOML, replaced. The key `base` names the built-in model.
    /// Without it, it is the default one.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if `text` is not valid TOML, names no built-in model, has an unknown key, or a value of
    /// the wrong type or out of range. The message names the key, its value and what is allowed.
    pub fn from_overlay(text: &str) -> Result<Self> {
        let mut overlay = parse(text)?;
        let base = match overlay.remove("base") {
            None => default_model(),
            Some(Value::String(name)) => built_in_model(&name).map_err(|_| {
                Error::Misuse(format!("`base` is {name:?}; it must be one of {}", model_names().join(", ")))
            })?,
            Some(other) => {
                return Err(Error::Misuse(format!(
                    "`base` is {other}; it must be one of {}",
                    model_names().join(", ")
                )));
            }
        };
        Self::with(base, overlay)
    }

    /// Returns the model whose [`base`](Self::base) and parameters a manifest or a server states.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if there is no such base, or if the parameters are not valid, see
    /// [`Self::from_overlay`].
    pub fn from_table(base: &str, parameters: &toml::Table) -> Result<Self> {
        Self::with(built_in_model(base)?, parameters.clone())
    }

    /// Returns the built-in model `base` without changes.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if there is no such model.
    pub fn built_in(base: &str) -> Result<Self> {
        Self::with(built_in_model(base)?, toml::Table::new())
    }

    /// Returns the model `base` with the keys of `overlay` replaced.
    fn with(base: ModelDefinition, overlay: toml::Table) -> Result<Self> {
        let default = parse(base.parameters)?;
        let mut table = default.clone();
        overlay::apply(&mut table, overlay, base.open_tables)?;
        let is_changed = table != default;
        let toml = toml::to_string(&table).map_err(|error| Error::Internal(error.to_string()))?;
        let toml = if base.version == default_model().version {
            toml
        } else {
            format!("base = {:?}\n{toml}", base.version.name)
        };
        let Resolved { name, window, parameters, json, build } = (base.resolve)(table)?;
        let suffix = if is_changed && name == base.version.name { " (changed)" } else { "" };
        let fingerprint = fingerprint(base, &json);
        Ok(Self(Arc::new(Contents {
            base,
            name: name + suffix,
            window,
            fingerprint,
            parameters,
            toml,
            laws: LazyLock::new(build),
        })))
    }

    /// Returns the name for people: the name in the parameters, or for example `saas-v1 (changed)` if a model file
    /// changes other parameters and not the name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the name of the built-in model that the parameters belong to.
    pub fn base(&self) -> &'static str {
        self.0.base.version.name
    }

    /// Returns all parameters in their order, with dates as text, which JSON can hold. [`Self::from_table`] gives the
    /// same model for them.
    pub fn parameters(&self) -> &toml::Table {
        &self.0.parameters
    }

    /// Returns the days that a data set of this model covers.
    pub fn window(&self) -> Window {
        self.0.window
    }

    /// Returns all parameters as TOML. [`Self::from_overlay`] gives the same model for this text.
    pub fn to_toml(&self) -> &str {
        &self.0.toml
    }

    /// Returns 32 hexadecimal digits that identify the parameters and the version of the values. Models with equal
    /// fingerprints give equal values.
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// Returns the tables, in the order of lists.
    pub fn tables(&self) -> &'static [Table] {
        self.0.base.tables
    }

    /// Returns the table with this name.
    ///
    /// # Errors
    /// Returns [`Error::UnknownTable`] with the names of all tables if there is no table with this name.
    pub fn table(&self, name: &str) -> Result<Table> {
        let tables = self.tables();
        tables.iter().copied().find(|table| table.name() == name).ok_or_else(|| Error::UnknownTable {
            table: name.chars().take(100).collect(),
            tables: tables.iter().map(|table| table.name()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Returns the names of a list, in the order of their codes.
    pub fn names(&self, names: Names) -> Vec<&str> {
        self.0.laws.names(names)
    }

    /// Returns the number of rows that a customer has in `days`. For a table without customers it is that of a section.
    pub fn rows_per_customer(&self, table: Table, days: &Range<Day>) -> RowsPerCustomer {
        self.0.laws.rows_per_customer(table, days)
    }

    /// Returns the laws if they are of type `L`: those of the built-in model that the parameters belong to.
    pub fn laws<L: ModelLaws>(&self) -> Option<&L> {
        let laws: &dyn Any = &**self.0.laws;
        laws.downcast_ref()
    }

    /// Builds the laws, so that no later call has to.
    pub(super) fn build(&self) {
        LazyLock::force(&self.0.laws);
    }

    pub(super) fn sections(&self, table: Table) -> u64 {
        self.0.laws.sections(table)
    }

    pub(super) fn bounds(&self, table: Table, column: usize, customers: u64) -> Bounds {
        self.0.laws.bounds(table, column, customers)
    }

    pub(super) fn rows(&self, seed: u64, table: Table, days: Range<Day>, columns: ColumnSet) -> Box<dyn TableRows> {
        Arc::clone(&self.0.laws).rows(seed, table, days, columns)
    }
}

fn parse(text: &str) -> Result<toml::Table> {
    text.parse().map_err(|error| Error::Misuse(format!("not valid TOML: {error}")))
}

/// Returns the first 128 bits of the SHA-256 of the version of the values and the parameters as JSON.
fn fingerprint(base: ModelDefinition, json: &str) -> String {
    let digest = Sha256::digest(format!("saasgen values {}\n{json}", base.version.values));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
