//! The actions that DoAction takes.

use super::airport;
use super::flights::Flights;
use super::requests::Received;
use crate::error::{Error, Result};
use crate::models::{DataSet, Identity, Table};
use arrow_flight::{ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus};
use indexmap::IndexMap;
use prost::Message as _;
use serde::Serialize;

/// Describes the data set: see [`describe`].
const DESCRIBE: &str = "Describe";

/// Flight's own action that ends the work for a FlightInfo.
const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";

/// Returns all actions, for ListActions.
pub(super) fn list() -> Vec<ActionType> {
    let action = |name: &str, description: &str| ActionType { r#type: name.into(), description: description.into() };
    let own = [
        action(
            DESCRIBE,
            "the data set served: program version, model, fingerprint, seed, customers, window, \
             expected rows and date column of each table, every parameter of the model; no body in, JSON out",
        ),
        action(
            CANCEL_FLIGHT_INFO,
            "succeeds at once, as nothing is held for a FlightInfo; to end a stream, cancel its DoGet; \
             CancelFlightInfoRequest in, CancelFlightInfoResult out",
        ),
    ];
    own.into_iter().chain(airport::ACTIONS.iter().map(airport::AirportAction::listed)).collect()
}

/// Whether the action `name` can be answered from `prefix`, the first bytes of a body that is too long.
pub(in crate::flight::server) fn takes_prefix(name: &str, prefix: &[u8]) -> bool {
    name == airport::ENDPOINTS && airport::has_descriptor(prefix)
}

/// Returns the body of the one result of an action.
///
/// # Errors
/// [`Error::Unsupported`] with a list of all actions if there is no such action, or the error of the action.
pub(in crate::flight::server) fn answer(
    flights: &Flights,
    Received { action, is_whole }: &Received,
) -> Result<Vec<u8>> {
    match action.r#type.as_str() {
        _ if !is_whole => airport::endpoints_of_prefix(flights, &action.body),
        DESCRIBE => describe(&flights.data_set),
        CANCEL_FLIGHT_INFO => cancel_flight_info(&action.body),
        name => match airport::ACTIONS.iter().find(|action| action.name == name) {
            Some(airport) => (airport.answer)(flights, name, &action.body),
            None => {
                let there: Vec<String> = list().into_iter().map(|action| action.r#type).collect();
                Err(Error::Unsupported(format!("there is no action {name:?}; the actions are {}", there.join(", "))))
            }
        },
    }
}

/// The answer of `Describe`.
#[derive(Serialize)]
struct Description<'a> {
    #[serde(flatten)]
    identity: Identity,
    /// By table, for the whole data set.
    expected_rows: IndexMap<&'static str, f64>,
    /// The column that a range of dates applies to, by table. Tables without one are absent.
    date_columns: IndexMap<&'static str, &'static str>,
    parameters: &'a toml::Table,
}

/// Returns the identity of the data set, its expected rows, its date columns and the parameters of the model, as JSON.
fn describe(data_set: &DataSet) -> Result<Vec<u8>> {
    let tables = || data_set.model().tables().iter();
    let rows = |table: Table| data_set.expected_rows(table).rows;
    let date_column = |table: &Table| table.date_column().map(|column| (table.name(), column));
    let description = Description {
        identity: Identity::of(data_set),
        expected_rows: tables().map(|&table| (table.name(), rows(table))).collect(),
        date_columns: tables().filter_map(date_column).collect(),
        parameters: data_set.model().parameters(),
    };
    serde_json::to_vec(&description).map_err(|error| Error::Internal(error.to_string()))
}

/// Succeeds at once: nothing is generated before DoGet, so there is nothing to cancel.
fn cancel_flight_info(body: &[u8]) -> Result<Vec<u8>> {
    let request = CancelFlightInfoRequest::decode(body).map_err(|error| {
        Error::Misuse(format!(
            "the body of {CANCEL_FLIGHT_INFO} can't be decoded as a CancelFlightInfoRequest: {error}"
        ))
    })?;
    if request.info.is_none() {
        return Err(Error::Misuse(format!("the body of {CANCEL_FLIGHT_INFO} has no `info`; it must be a FlightInfo")));
    }
    Ok(CancelFlightInfoResult { status: CancelStatus::Cancelled.into() }.encode_to_vec())
}
