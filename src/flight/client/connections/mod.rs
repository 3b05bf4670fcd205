//! Connections to servers, reused after each stream.
//!
//! Streams that share a connection share its flow-control window and the task that reads it. So streams that are read
//! in parallel use one connection each. There are never more connections than readers.

mod connector;
mod credentials;
mod health;

pub use credentials::{ClientTlsFiles, Credentials};

use crate::error::{Error, Result};
use crate::flight::location::Location;
use arrow_flight::flight_service_client::FlightServiceClient;
use connector::Connector;
use credentials::Bearer;
use health::ServerHealth;
use std::collections::HashMap;
use std::iter;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// The longest message that is accepted. A saasgen server sends batches of up to 2 MiB and endpoint lists of up to
/// 4 MiB.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// The silence after which a ping is sent to the server during a call, and the time that the server has to answer it.
/// A machine that disappears closes no connection; a ping finds that out sooner than a stall timeout.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The bytes that a server may send on each connection before they are read: one batch, and the start of the next.
const WINDOW_BYTES: u32 = 2 << 20;

type FlightClient = FlightServiceClient<InterceptedService<Channel, Bearer>>;

/// The idle connections of a client by server, and the health of the servers.
#[derive(Debug, Default)]
pub(super) struct ConnectionPool {
    credentials: Credentials,
    /// The health of the servers.
    pub health: ServerHealth,
    idle: Mutex<HashMap<Location, Vec<FlightClient>>>,
}

impl ConnectionPool {
    /// Creates a pool without connections. Every connection uses `credentials`.
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials, ..Self::default() }
    }

    /// Takes an idle connection to the server at `location`, or opens one.
    ///
    /// # Errors
    /// Returns [`Error::Remote`] if no server answers at `location`.
    pub async fn take(self: &Arc<Self>, location: &Location) -> Result<Connection> {
        let idle = self.idle().get_mut(location).and_then(Vec::pop);
        let flight = match idle {
            Some(flight) => flight,
            None => open(location, &self.credentials).await?,
        };
        Ok(Connection { flight, location: location.clone(), is_broken: false, pool: Arc::clone(self) })
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Location, Vec<FlightClient>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(location: &Location, credentials: &Credentials) -> Result<FlightClient> {
    let connector = Connector::new(location, credentials)?;
    let origin = connector.origin();
    let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("connecting to {location}: {error}"));
    // The connector ignores this URI and does TLS itself, so the channel is configured without it.
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

/// A connection. Returns to the pool when dropped, unless it was [discarded](Self::discard).
#[derive(Debug)]
pub(super) struct Connection {
    flight: FlightClient,
    location: Location,
    is_broken: bool,
    pool: Arc<ConnectionPool>,
}

impl Connection {
    /// Returns the location of the server.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Closes the connection, and the idle ones to the same server, which probably broke with it.
    pub fn discard(mut self) {
        self.is_broken = true;
        self.pool.idle().remove(&self.location);
    }
}

impl Deref for Connection {
    type Target = FlightClient;

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
            self.pool.idle().entry(self.location.clone()).or_default().push(self.flight.clone());
        }
    }
}
