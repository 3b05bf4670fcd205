//! The actions that DuckDB's Airport extension needs beyond Flight. Their bodies are msgpack.
//!
//! `airport_take_flight` and the tables of an attached catalogue both call `endpoints`. Its tickets hold the columns that
//! are read and the filters, so the server generates only those rows. Batches for Airport carry the progress of the stream
//! in place of a BatchMark.

mod catalog;
mod filters;
mod interval;
mod messages;
mod statistics;

use super::flights::{Flights, tickets};
use crate::error::{Error, Result};
use crate::flight::location::SAME_CONNECTION;
use arrow_flight::{ActionType, FlightDescriptor, FlightEndpoint};
use filters::Narrowed;
use messages::{CatalogRequest, ColumnIds, EndpointsRequest, FlightInfoRequest, StatisticsRequest, Transaction};
use prost::Message as _;
use serde_bytes::ByteBuf;

/// An action of the extension.
pub(super) struct AirportAction {
    pub name: &'static str,
    /// Its description for ListActions.
    description: &'static str,
    /// Answers the body of a request to the action of this name. A bad request is never [`Error::Internal`]: the extension
    /// takes that for a network failure and tries again.
    pub answer: fn(&Flights, &str, &[u8]) -> Result<Vec<u8>>,
}

/// The action that returns tickets.
pub(super) const ENDPOINTS: &str = "endpoints";

/// All actions of the extension.
pub(super) const ACTIONS: [AirportAction; 6] = [
    AirportAction {
        name: ENDPOINTS,
        description: "the endpoints of a descriptor, for the columns read and the filters given",
        answer: |flights, action, body| {
            let EndpointsRequest { descriptor, parameters } = messages::read(action, body)?;
            endpoints(flights, descriptor, parameters.json_filters, parameters.column_ids)
        },
    },
    AirportAction {
        name: "list_schemas",
        description: "the catalogue: one schema with all tables",
        answer: |flights, action, body| {
            let CatalogRequest { catalog_name } = messages::read(action, body)?;
            catalog::list_schemas(flights, catalog_name)
        },
    },
    AirportAction {
        name: "catalog_version",
        description: "the catalogue's version, which is fixed",
        answer: |_, action, body| {
            messages::read::<CatalogRequest<'_>>(action, body)?;
            messages::write(&catalog::version())
        },
    },
    AirportAction {
        name: "create_transaction",
        description: "an empty transaction, as the data set never changes",
        answer: |_, action, body| {
            messages::read::<CatalogRequest<'_>>(action, body)?;
            messages::write(&Transaction { identifier: None })
        },
    },
    AirportAction {
        name: "flight_info",
        description: "a descriptor's FlightInfo",
        answer: |flights, action, body| {
            let FlightInfoRequest { descriptor } = messages::read(action, body)?;
            Ok(flights.info(read_descriptor(descriptor)?)?.encode_to_vec())
        },
    },
    AirportAction {
        name: "column_statistics",
        description: "bounds of a column's values",
        answer: |flights, action, body| {
            let StatisticsRequest { flight_descriptor, column_name, .. } = messages::read(action, body)?;
            let (scan, _) = flights.of_descriptor(&read_descriptor(flight_descriptor)?)?;
            statistics::of(&scan, column_name)
        },
    },
];

impl AirportAction {
    /// Returns its entry for ListActions.
    pub fn listed(&self) -> ActionType {
        let description = format!("DuckDB Airport: {}; msgpack in", self.description);
        ActionType { r#type: self.name.into(), description }
    }
}

fn read_descriptor(bytes: &[u8]) -> Result<FlightDescriptor> {
    FlightDescriptor::decode(bytes).map_err(|error| {
        Error::Misuse(format!("the descriptor in the body can't be decoded as a FlightDescriptor: {error}"))
    })
}

/// Whether the first bytes of a body hold its descriptor.
pub(super) fn has_descriptor(prefix: &[u8]) -> bool {
    messages::descriptor_of_prefix(prefix).is_some()
}

/// Answers `endpoints` from the first bytes of a body that is too long: with all rows and columns of the descriptor, which
/// comes first. DuckDB applies the filters itself in any case.
pub(super) fn endpoints_of_prefix(flights: &Flights, prefix: &[u8]) -> Result<Vec<u8>> {
    let descriptor = messages::descriptor_of_prefix(prefix)
        .ok_or_else(|| Error::Misuse("the body does not begin with a map whose first key is `descriptor`".into()))?;
    endpoints(flights, descriptor, b"", ColumnIds::ALL)
}

fn endpoints(flights: &Flights, descriptor: &[u8], json_filters: &[u8], column_ids: ColumnIds) -> Result<Vec<u8>> {
    let (scan, partitions) = flights.of_descriptor(&read_descriptor(descriptor)?)?;
    let Narrowed { ids, days } = Narrowed::by(&scan, json_filters);
    let narrowed = scan.for_airport(ids, days, |place| column_ids.has(place));
    let endpoints = tickets(&narrowed, partitions).map(|ticket| {
        let endpoint = FlightEndpoint::new().with_ticket(ticket).with_location(SAME_CONNECTION);
        ByteBuf::from(endpoint.encode_to_vec())
    });
    messages::write(&endpoints.collect::<Vec<_>>())
}
