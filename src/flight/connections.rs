//! Connections to servers, each in the hands of one reader at a time.
//!
//! Streams that share a connection share its one reader and its one window, so several read in parallel need several.
//! There are never more than readers, and a connection outlives its stream: the next endpoint's is not begun anew.

use super::connector::Connector;
use super::credentials::{Bearer, Credentials};
use super::location::Location;
use crate::error::{Error, Result};
use arrow_flight::flight_service_client::FlightServiceClient;
use std::collections::HashMap;
use std::iter;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// The longest message that is taken: a server of ours keeps its own under 2 MiB, lists of endpoints under 4 MiB.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// What a server may send before it is read, on each connection: one batch and the begin of the next.
const WINDOW_BYTES: u32 = 2 << 20;

/// Calls over one connection.
type Flight = FlightServiceClient<InterceptedService<Channel, Bearer>>;

/// Connections that are open and free, by server.
#[derive(Debug, Default)]
pub(super) struct Connections {
    credentials: Credentials,
    free: Mutex<HashMap<Location, Vec<Flight>>>,
}

impl Connections {
    /// None yet; each to come shows `credentials`.
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials, ..Self::default() }
    }

    /// A free connection to the server at `location`, or a new one.
    ///
    /// # Errors
    /// [`Error::Remote`] where no server answers there.
    pub async fn take(self: &Arc<Self>, location: &Location) -> Result<Connection> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).get_mut(location).and_then(Vec::pop);
        let flight = match free {
            Some(flight) => flight,
            None => open(location, &self.credentials).await?,
        };
        Ok(Connection { flight, location: location.clone(), connections: Arc::clone(self) })
    }
}

async fn open(location: &Location, credentials: &Credentials) -> Result<Flight> {
    let connector = Connector::new(location, credentials)?;
    let origin = connector.origin();
    let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("connecting to {location}: {error}"));
    // The connector knows the way; TLS is its own, so the channel is told of none.
    let endpoint = Endpoint::from_static("http://localhost")
        .origin(origin.parse().map_err(|error| internal(&error))?)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let bearer = credentials.bearer(location)?;
    let channel = endpoint.connect_with_connector(connector).await.map_err(|error| {
        let cause = iter::successors(std::error::Error::source(&error), |error| error.source()).last();
        let cause = cause.map_or_else(|| error.to_string(), ToString::to_string);
        Error::Remote(format!(
            "no server answers at {location} ({cause}): start one with `saasgen serve`, or name another with --server"
        ))
    })?;
    Ok(FlightServiceClient::with_interceptor(channel, bearer).max_decoding_message_size(MAX_MESSAGE_BYTES))
}

/// A connection, free for others again when dropped.
#[derive(Debug)]
pub(super) struct Connection {
    flight: Flight,
    location: Location,
    connections: Arc<Connections>,
}

impl Connection {
    /// The server at its other end.
    pub fn location(&self) -> &Location {
        &self.location
    }
}

impl Deref for Connection {
    type Target = Flight;

    fn deref(&self) -> &Self::Target {
        &self.flight
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.flight
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut free = self.connections.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(self.location.clone()).or_default().push(self.flight.clone());
    }
}
