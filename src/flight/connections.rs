//! Connections to servers, each in the hands of one reader at a time.
//!
//! Streams that share a connection share its one reader and its one window, so several read in parallel need several.
//! There are never more than readers, and a connection outlives its stream: the next endpoint's is not begun anew.

use super::connector::Connector;
use super::credentials::{Bearer, Credentials};
use super::health::Health;
use super::location::Location;
use crate::error::{Error, Result};
use arrow_flight::flight_service_client::FlightServiceClient;
use std::collections::HashMap;
use std::iter;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// The longest message that is taken: a server of ours keeps its own under 2 MiB, lists of endpoints under 4 MiB.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// How long a server may send nothing within a call before it is asked whether it is there, and how long it has to say
/// so: a machine that is gone tells nobody, and is noticed sooner than by a stall.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a server may send before it is read, on each connection: one batch and the begin of the next.
const WINDOW_BYTES: u32 = 2 << 20;

/// Calls over one connection.
type Flight = FlightServiceClient<InterceptedService<Channel, Bearer>>;

/// Connections that are open and free, by server, and how the servers do.
#[derive(Debug, Default)]
pub(super) struct Connections {
    credentials: Credentials,
    /// Which servers to ask.
    pub health: Health,
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
        let free = self.free().get_mut(location).and_then(Vec::pop);
        let flight = match free {
            Some(flight) => flight,
            None => open(location, &self.credentials).await?,
        };
        Ok(Connection { flight, location: location.clone(), is_broken: false, connections: Arc::clone(self) })
    }

    /// The free connections, for whoever looks at or changes them.
    fn free(&self) -> MutexGuard<'_, HashMap<Location, Vec<Flight>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(location: &Location, credentials: &Credentials) -> Result<Flight> {
    let connector = Connector::new(location, credentials)?;
    let origin = connector.origin();
    let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("connecting to {location}: {error}"));
    // The connector knows the way; TLS is its own, so the channel is told of none.
    let endpoint = Endpoint::from_static("http://localhost")
        .origin(origin.parse().map_err(|error| internal(&error))?)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
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

/// A connection, free for others again when dropped, unless it broke.
#[derive(Debug)]
pub(super) struct Connection {
    flight: Flight,
    location: Location,
    is_broken: bool,
    connections: Arc<Connections>,
}

impl Connection {
    /// The server at its other end.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Nothing comes over it any more: it is not for others, and neither are the free ones to the same server, which
    /// may have gone with it.
    pub fn discard(mut self) {
        self.is_broken = true;
        self.connections.free().remove(&self.location);
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
        if !self.is_broken {
            self.connections.free().entry(self.location.clone()).or_default().push(self.flight.clone());
        }
    }
}
