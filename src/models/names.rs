//! The lists of names that text columns take their values from.

/// A list of names of a model. [`Model::names`](super::Model::names) returns the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names(&'static str);

impl Names {
    /// Returns the list that a model calls `key`.
    pub const fn new(key: &'static str) -> Self {
        Self(key)
    }

    /// Returns the model's key for the list.
    pub const fn key(self) -> &'static str {
        self.0
    }
}
