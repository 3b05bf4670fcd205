//! Connections to servers, reused after each stream.
//!
//! Streams that share a connection share its flow-control window and the task that reads it. So streams that are read
//! in parallel use one connection each. There are never more connections than readers.

mod connector;
mod credentials;
mod fault;
mod grpc_channel;
mod health;

pub use credentials::{ClientTlsFiles, Credentials};

use super::failure::Failure;
use crate::error::Error;
use crate::flight::location::Location;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use connector::Connector;
use credentials::Bearer;
use fault::{Fault, FaultCell};
use grpc_channel::GrpcChannel;
use health::ServerHealth;
use std::collections::HashMap;
use std::error::Error as _;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{self, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// The longest message that is accepted. A saasgen server sends batches of up to 2 MiB and endpoint lists of up to
/// 4 MiB.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// The silence after which a ping is sent to the server during a call, and the time that the server has to answer it.
/// A machine that disappears closes no connection; a ping finds that out sooner than a stall timeout.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The bytes that a server may send on each connection before they are read: one batch, and the start of the next.
const WINDOW_BYTES: u32 = 2 << 20;

/// A channel that sends the token with every call.
type AuthorizedChannel = InterceptedService<GrpcChannel, Bearer>;

type FlightClient = FlightServiceClient<AuthorizedChannel>;

/// A connection, and its fault.
type Idle = (FlightClient, FaultCell);

/// The idle connections of a client by server, and the health of the servers.
#[derive(Debug)]
pub(super) struct ConnectionPool {
    credentials: Credentials,
    /// The time that a server has to accept a connection.
    connect_timeout: Duration,
    /// The health of the servers.
    pub health: ServerHealth,
    idle: Mutex<HashMap<Location, Vec<Idle>>>,
}

impl ConnectionPool {
    /// Creates a pool without connections. Every connection uses `credentials`, and must be open within
    /// `connect_timeout`.
    pub fn new(credentials: Credentials, connect_timeout: Duration) -> Self {
        Self { credentials, connect_timeout, health: ServerHealth::default(), idle: Mutex::default() }
    }

    /// Takes an idle connection to the server at `location`, or opens one.
    ///
    /// # Errors
    /// Returns a failure if no server answers at `location`, or if the credentials can't be used there.
    pub async fn take(self: &Arc<Self>, location: &Location) -> Result<Connection, Failure> {
        let idle = self.idle().get_mut(location).and_then(Vec::pop);
        let (flight, fault) = match idle {
            Some(idle) => idle,
            None => self.open(location).await?,
        };
        Ok(Connection { flight, fault, location: location.clone(), is_broken: false, pool: Arc::clone(self) })
    }

    async fn open(&self, location: &Location) -> Result<Idle, Failure> {
        let (channel, fault) = self.open_channel(location).await?;
        Ok((FlightServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES), fault))
    }

    /// Asks the server at `location` for its health, by the standard gRPC service.
    ///
    /// # Errors
    /// Returns a failure if the server does not answer, or does not know its health.
    pub async fn health(&self, location: &Location) -> Result<ServingStatus, Failure> {
        let (channel, fault) = self.open_channel(location).await?;
        let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
        answer.map(|answer| answer.into_inner().status()).map_err(|status| failure(location, &fault, &status))
    }

    /// Opens a channel for calls of any service, with its fault.
    async fn open_channel(&self, location: &Location) -> Result<(AuthorizedChannel, FaultCell), Failure> {
        let fault = FaultCell::default();
        let connector = Connector::new(location, &self.credentials, self.connect_timeout, fault.clone())?;
        let origin = connector.origin();
        let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("connecting to {location}: {error}"));
        // The connector ignores this URI and does TLS itself, so the channel is configured without it.
        let endpoint = Endpoint::from_static("http://localhost")
            .origin(origin.parse().map_err(|error| internal(&error))?)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES);
        let bearer = self.credentials.bearer(location)?;
        let channel = endpoint.connect_with_connector(connector).await;
        let channel = channel.map_err(|_| fault.get().unwrap_or_else(|| Fault::closed(location)))?;
        let channel = GrpcChannel::new(channel, location.clone(), fault.clone());
        Ok((InterceptedService::new(channel, bearer), fault))
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Location, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the failure of a call to `location` that ended with `status`, over a connection with this fault.
fn failure(location: &Location, fault: &FaultCell, status: &Status) -> Failure {
    // tonic has no more words than this for a call on a connection that was closed before the call was sent.
    let is_unsent =
        || status.code() == Code::Unknown && status.source().is_some_and(|error| error.is::<transport::Error>());
    let fault = fault.get().or_else(|| is_unsent().then(|| Fault::closed(location)));
    fault.map_or_else(|| Failure::from_status(location, status), Failure::from)
}

/// A connection. Returns to the pool when dropped, unless it was [discarded](Self::discard).
#[derive(Debug)]
pub(super) struct Connection {
    flight: FlightClient,
    fault: FaultCell,
    location: Location,
    is_broken: bool,
    pool: Arc<ConnectionPool>,
}

impl Connection {
    /// Returns the location of the server.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Returns the failure of a call that ended with `status`.
    pub fn failure(&self, status: &Status) -> Failure {
        failure(&self.location, &self.fault, status)
    }

    /// Returns the failure of a stream that ended with `error`.
    pub fn stream_failure(&self, error: &FlightError) -> Failure {
        match error {
            FlightError::Tonic(status) => self.failure(status),
            error => Failure::Broken(Error::Remote(format!("{}: {error}", self.location))),
        }
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
            self.pool.idle().entry(self.location.clone()).or_default().push((self.flight.clone(), self.fault.clone()));
        }
    }
}
