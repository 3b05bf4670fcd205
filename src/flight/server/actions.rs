//! The actions that DoAction takes.

use super::airport::{self, AirportAction};
use super::flights::Flights;
use super::requests::Received;
use crate::error::{Error, Result};
use crate::model::Parameters;
use crate::tables::{DataSet, Identity, Table};
use arrow_flight::{ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus};
use indexmap::IndexMap;
use prost::Message as _;
use serde::Serialize;

/// What the server's data set is: see [`describe`].
const DESCRIBE: &str = "Describe";

/// Flight's own: what was begun for a FlightInfo is to end.
const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";

/// The actions there are.
pub(super) fn list() -> Vec<ActionType> {
    let action = |name: &str, description: &str| ActionType { r#type: name.into(), description: description.into() };
    let own = [
        action(
            DESCRIBE,
            "the data set served: program version, model, fingerprint, seed, customers, window, \
             expected rows of each table, every parameter of the model; no body in, JSON out",
        ),
        action(
            CANCEL_FLIGHT_INFO,
            "done at once, nothing is held for a FlightInfo: a stream ends when its reader leaves; \
             CancelFlightInfoRequest in, CancelFlightInfoResult out",
        ),
    ];
    own.into_iter().chain(AirportAction::ALL.map(AirportAction::listed)).collect()
}

/// Whether the action of this name can do with `begin`, that of a body that is too long.
pub(super) fn takes_begin(name: &str, begin: &[u8]) -> bool {
    name == AirportAction::Endpoints.name() && airport::has_descriptor(begin)
}

/// The body of the one result of an action.
///
/// # Errors
/// [`Error::Unsupported`], which lists the actions there are; what the action refuses.
pub(super) fn answer(flights: &Flights, Received { action, is_whole }: &Received) -> Result<Vec<u8>> {
    match action.r#type.as_str() {
        _ if !is_whole => airport::endpoints_of_begin(flights, &action.body),
        DESCRIBE => describe(&flights.data_set),
        CANCEL_FLIGHT_INFO => cancel_flight_info(&action.body),
        name => match AirportAction::ALL.into_iter().find(|action| action.name() == name) {
            Some(airport) => airport.answer(flights, &action.body),
            None => {
                let there: Vec<String> = list().into_iter().map(|action| action.r#type).collect();
                Err(Error::Unsupported(format!("there is no action {name:?}; there are: {}", there.join(", "))))
            }
        },
    }
}

/// What `Describe` answers.
#[derive(Serialize)]
struct Description<'a> {
    #[serde(flatten)]
    identity: Identity,
    /// By table, of the whole data set.
    expected_rows: IndexMap<&'static str, f64>,
    parameters: &'a Parameters,
}

/// The data set's identity, its expected rows and the model's parameters, as JSON.
fn describe(data_set: &DataSet) -> Result<Vec<u8>> {
    let rows = |table: Table| data_set.expected_rows(table).rows;
    let description = Description {
        identity: Identity::of(data_set),
        expected_rows: Table::ALL.into_iter().map(|table| (table.name(), rows(table))).collect(),
        parameters: data_set.model().parameters(),
    };
    serde_json::to_vec(&description).map_err(|error| Error::Internal(error.to_string()))
}

/// Nothing is generated ahead of DoGet, and tickets stay good, so there is nothing left to cancel.
fn cancel_flight_info(body: &[u8]) -> Result<Vec<u8>> {
    let request = CancelFlightInfoRequest::decode(body).map_err(|error| {
        Error::Misuse(format!("the body of {CANCEL_FLIGHT_INFO} is no CancelFlightInfoRequest: {error}"))
    })?;
    if request.info.is_none() {
        return Err(Error::Misuse(format!("the body of {CANCEL_FLIGHT_INFO} has no `info`; it must be a FlightInfo")));
    }
    Ok(CancelFlightInfoResult { status: CancelStatus::Cancelled.into() }.encode_to_vec())
}
