//! The actions that DoAction takes.

use crate::error::{Error, Result};
use crate::tables::{DataSet, Identity};
use arrow_flight::ActionType;
use serde::Serialize;

/// What the server's data set is: see [`describe`].
pub(super) const DESCRIBE: &str = "Describe";

#[derive(Serialize)]
struct Description<'a> {
    #[serde(flatten)]
    identity: Identity,
    parameters: &'a crate::model::Parameters,
}

/// The actions there are.
pub(super) fn list() -> Vec<ActionType> {
    vec![ActionType {
        r#type: DESCRIBE.into(),
        description: "the data set served: program version, model, fingerprint, seed, customers, window, every \
                      parameter of the model; no body in, JSON out"
            .into(),
    }]
}

/// The data set's identity and the model's parameters, as JSON.
pub(super) fn describe(data_set: &DataSet) -> Result<String> {
    let description = Description { identity: Identity::of(data_set), parameters: data_set.model().parameters() };
    serde_json::to_string(&description).map_err(|error| Error::Internal(error.to_string()))
}
