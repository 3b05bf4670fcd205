//! The models that are part of the program.

use super::definition::ModelDefinition;
use super::saas_v1;
use super::saas_v2;
use super::table::Table;
use crate::error::{Error, Result};

/// All built-in models. The first is the default.
const BUILT_IN: [ModelDefinition; 2] = [saas_v1::DEFINITION, saas_v2::DEFINITION];

/// Returns the default model.
pub fn default_model() -> ModelDefinition {
    BUILT_IN[0]
}

/// Returns the model with this name.
///
/// # Errors
/// Returns [`Error::Misuse`] if there is no such model.
pub fn built_in_model(name: &str) -> Result<ModelDefinition> {
    BUILT_IN.into_iter().find(|model| model.version.name == name).ok_or_else(|| {
        let names = model_names().join(", ");
        Error::Misuse(format!("there is no built-in model {name:?}; this version of saasgen has {names}"))
    })
}

/// Returns the tables of each built-in model with its name, the default one first.
pub fn built_in_tables() -> [(&'static str, &'static [Table]); BUILT_IN.len()] {
    BUILT_IN.map(|model| (model.version.name, model.tables))
}

/// Returns the names of all built-in models, the default one first.
pub fn model_names() -> [&'static str; BUILT_IN.len()] {
    BUILT_IN.map(|model| model.version.name)
}

/// Returns the tables of the model with this name, in the order of lists.
///
/// # Errors
/// Returns [`Error::Misuse`] if there is no such model.
pub fn tables_of(name: &str) -> Result<&'static [Table]> {
    Ok(built_in_model(name)?.tables)
}

/// Returns the tables of the default model, in the order of lists.
pub fn default_tables() -> &'static [Table] {
    default_model().tables
}

/// Returns the names of the tables of all built-in models, each once.
pub fn table_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for table in BUILT_IN.iter().flat_map(|model| model.tables) {
        names.extend((!names.contains(&table.name())).then_some(table.name()));
    }
    names
}
