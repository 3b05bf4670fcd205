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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AirportAction {
    Endpoints,
    ListSchemas,
    CatalogVersion,
    CreateTransaction,
    FlightInfo,
    ColumnStatistics,
}

impl AirportAction {
    pub const ALL: [Self; 6] = [
        Self::Endpoints,
        Self::ListSchemas,
        Self::CatalogVersion,
        Self::CreateTransaction,
        Self::FlightInfo,
        Self::ColumnStatistics,
    ];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::ListSchemas => "list_schemas",
            Self::CatalogVersion => "catalog_version",
            Self::CreateTransaction => "create_transaction",
            Self::FlightInfo => "flight_info",
            Self::ColumnStatistics => "column_statistics",
        }
    }

    /// Its description for ListActions.
    pub fn listed(self) -> ActionType {
        let description = match self {
            Self::Endpoints => "the endpoints of a descriptor, for the columns read and the filters given",
            Self::ListSchemas => "the catalogue: one schema with all tables",
            Self::CatalogVersion => "the catalogue's version, which is fixed",
            Self::CreateTransaction => "an empty transaction, as the data set never changes",
            Self::FlightInfo => "a descriptor's FlightInfo",
            Self::ColumnStatistics => "bounds of a column's values",
        };
        ActionType { r#type: self.name().into(), description: format!("DuckDB Airport: {description}; msgpack in") }
    }

    /// Returns the body of the one result.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the body can't be read or names something unknown, [`Error::UnknownTable`] for an unknown table.
    /// A bad request is never [`Error::Internal`]: the extension takes that for a network failure and tries again.
    pub fn answer(self, flights: &Flights, body: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Endpoints => {
                let EndpointsRequest { descriptor, parameters } = messages::read(self.name(), body)?;
                endpoints(flights, descriptor, parameters.json_filters, parameters.column_ids)
            }
            Self::ListSchemas => {
                let CatalogRequest { catalog_name } = messages::read(self.name(), body)?;
                catalog::list_schemas(flights, catalog_name)
            }
            Self::CatalogVersion => {
                messages::read::<CatalogRequest<'_>>(self.name(), body)?;
                messages::write(&catalog::version())
            }
            Self::CreateTransaction => {
                messages::read::<CatalogRequest<'_>>(self.name(), body)?;
                messages::write(&Transaction { identifier: None })
            }
            Self::FlightInfo => {
                let FlightInfoRequest { descriptor } = messages::read(self.name(), body)?;
                Ok(flights.info(read_descriptor(descriptor)?)?.encode_to_vec())
            }
            Self::ColumnStatistics => {
                let StatisticsRequest { flight_descriptor, column_name, .. } = messages::read(self.name(), body)?;
                let (scan, _) = flights.of_descriptor(&read_descriptor(flight_descriptor)?)?;
                statistics::of(&scan, column_name)
            }
        }
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
