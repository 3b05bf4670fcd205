//! The actions that DoAction takes.

use crate::error::{Error, Result};
use crate::model::Parameters;
use crate::tables::{DataSet, Identity, Table};
use arrow_flight::ActionType;
use indexmap::IndexMap;
use serde::Serialize;

/// What the server's data set is: see [`describe`].
pub(super) const DESCRIBE: &str = "Describe";

/// What `Describe` answers.
#[derive(Serialize)]
struct Description<'a> {
    #[serde(flatten)]
    identity: Identity,
    /// By table, of the whole data set.
    expected_rows: IndexMap<&'static str, f64>,
    parameters: &'a Parameters,
}

/// The actions there are.
pub(super) fn list() -> Vec<ActionType> {
    vec![ActionType {
        r#type: DESCRIBE.into(),
        description: "the data set served: program version, model, fingerprint, seed, customers, window, \
                      expected rows of each table, every parameter of the model; no body in, JSON out"
            .into(),
    }]
}

/// The data set's identity, its expected rows and the model's parameters, as JSON.
pub(super) fn describe(data_set: &DataSet) -> Result<String> {
    let rows = |table: Table| data_set.expected_rows(table).rows;
    let description = Description {
        identity: Identity::of(data_set),
        expected_rows: Table::ALL.into_iter().map(|table| (table.name(), rows(table))).collect(),
        parameters: data_set.model().parameters(),
    };
    serde_json::to_string(&description).map_err(|error| Error::Internal(error.to_string()))
}
