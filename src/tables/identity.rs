//! What names a data set to the outside: in manifests, and in what a server says of itself.

use super::DataSet;
use crate::model::date_of;
use serde::{Deserialize, Serialize};

/// Which data set the tables are of: equal identities mean equal values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The program that made the values: `saasgen`.
    pub program: String,
    /// Its version.
    pub version: String,
    /// The model's name.
    pub model: String,
    /// The model's fingerprint.
    pub fingerprint: String,
    /// The seed.
    pub seed: u64,
    /// Customers of the whole data set.
    pub customers: u64,
    /// The days that the data set covers.
    pub window: WindowDates,
}

/// The first and the last day of a window, YYYY-MM-DD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowDates {
    /// The first day.
    pub first: String,
    /// The last day.
    pub last: String,
}

impl Identity {
    /// Whether it names the same values: the version of the program counts only as far as the fingerprint does.
    pub fn gives_values_of(&self, other: &Self) -> bool {
        let named = |identity: &Self| (identity.fingerprint.clone(), identity.seed, identity.customers);
        named(self) == named(other)
    }

    /// The identity of the whole of `data_set`, made by this version of the program.
    pub fn of(data_set: &DataSet) -> Self {
        let model = data_set.model();
        Self {
            program: env!("CARGO_PKG_NAME").to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            model: model.parameters().name.clone(),
            fingerprint: model.fingerprint().to_string(),
            seed: data_set.seed(),
            customers: data_set.customers(),
            window: WindowDates {
                first: date_of(model.window().first).to_string(),
                last: date_of(model.window().last()).to_string(),
            },
        }
    }
}
