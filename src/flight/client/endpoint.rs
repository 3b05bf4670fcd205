//! One endpoint of a table: its ticket, and the servers that answer it.

use crate::flight::location::{Location, SAME_CONNECTION};
use arrow_flight::{FlightEndpoint, Ticket};

/// A part of a table's rows.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// The ticket of the rows.
    pub ticket: Ticket,
    /// The servers that answer the ticket, in the order in which to try them. There is at least one.
    pub locations: Vec<Location>,
}

impl Endpoint {
    /// Reads an endpoint that `server` sent. Without locations, the endpoint is read from `server` itself.
    ///
    /// # Errors
    /// Returns a description of the fault if the endpoint has no ticket, or only locations of unknown forms.
    pub fn new(endpoint: &FlightEndpoint, server: &Location) -> Result<Self, String> {
        let ticket = endpoint.ticket.clone().ok_or("an endpoint without a ticket")?;
        let uris = endpoint.location.iter().map(|location| location.uri.as_str());
        let mut locations: Vec<Location> = uris.filter_map(|uri| location(uri, server)).collect();
        if endpoint.location.is_empty() {
            locations.push(server.clone());
        }
        if locations.is_empty() {
            return Err(format!(
                "an endpoint with the locations {:?}; one must be grpc://host:port, grpc+tls://host:port or \
                 grpc+unix:///path",
                endpoint.location
            ));
        }
        Ok(Self { ticket, locations })
    }
}

fn location(uri: &str, server: &Location) -> Option<Location> {
    if uri == SAME_CONNECTION { Some(server.clone()) } else { uri.parse().ok() }
}
