//! The Flight server: every table of a data set, generated as it is read.
//!
//! ```text
//! mod ─▶ calls ─▶ streams ─▶ telemetry
//!  └───▶ connections ───────────▲
//! ```
//!
//! All of them use the limits, the caller, the messages of requests, the open streams and the memory budget, which stand beside
//! this file.

mod caller;
mod calls;
mod connections;
mod drain;
mod limits;
mod memory_budget;
mod open_streams;
mod streams;
mod telemetry;

pub use connections::{Access, MetricsEndpoint, TlsFiles};
pub use limits::Limits;
pub use telemetry::Activity;

use super::location::Location;
use super::tls::HTTP2;
use crate::error::{Error, Result};
use crate::models::DataSet;
use crate::scan::Scan;
use arrow::array::RecordBatch;
use arrow_flight::{FlightDescriptor, FlightInfo};
use bytes::Bytes;
use calls::{FlightCalls, Flights, GrpcService};
use connections::{AdmissionLayer, Listener, accept_connections};
use drain::Drain;
use futures::stream::{Stream, StreamExt};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use streams::{Encoder, Message, Streams};
use tonic::Status;
use tonic::server::NamedService;
use tonic_health::ServingStatus;

/// The time that connections have to close once a stopping server has ended all streams.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The HTTP/2 window for requests, which are small. Answers use the windows of the client.
const REQUEST_WINDOW_BYTES: u32 = 64 << 10;

/// A server that listens but does not answer yet.
///
/// ```
/// use saasgen::{flight::server::Server, models::{DataSet, Model}};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let data_set = DataSet::new(Model::saas_v1()?, 42, 1_000)?;
/// let server = Server::bind("127.0.0.1:0", data_set).await?;
/// println!("listening on {}", server.location());
/// server.serve(async { /* returns when the server is to stop */ }).await
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    listener: Listener,
    location: Location,
    data_set: DataSet,
    replicas: Vec<Location>,
    limits: Limits,
    access: Arc<Access>,
    activity: Arc<Activity>,
    drain_timeout: Duration,
    give_memory_back: fn(),
}

impl Server {
    /// Listens on `address`, to serve `data_set`. The address is `host:port`, where port 0 picks a free one, or
    /// `grpc+unix:///path`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Io`] if the address can't be bound, [`Error::Misuse`] if the path of a Unix socket is in use.
    pub async fn bind(address: &str, data_set: DataSet) -> Result<Self> {
        let listener = Listener::bind("--listen", address).await?;
        Ok(Self {
            location: listener.location(address, false)?,
            listener,
            activity: Arc::new(Activity::new(data_set.model().tables())),
            data_set,
            replicas: Vec::new(),
            limits: Limits::default(),
            access: Arc::default(),
            drain_timeout: Duration::ZERO,
            give_memory_back: || (),
        })
    }

    /// Asks clients for the credentials of `access`. By default, anyone may call and connections are not encrypted.
    ///
    /// # Errors
    /// [`Error::Misuse`] for TLS on a Unix socket.
    pub fn with_access(mut self, access: Arc<Access>) -> Result<Self> {
        self.location = self.listener.location(&self.location.to_string(), access.has_tls())?;
        self.access = access;
        Ok(self)
    }

    /// Lists `replicas` in every endpoint of GetFlightInfo, each endpoint beginning with another one. Without replicas,
    /// endpoints are read from this server.
    pub fn with_replicas(self, replicas: Vec<Location>) -> Self {
        Self { replicas, ..self }
    }

    /// Sets the limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets the time that open streams have to finish once the server stops. By default they end at once.
    pub fn with_drain_timeout(self, drain_timeout: Duration) -> Self {
        Self { drain_timeout, ..self }
    }

    /// Sets a function that each generator thread calls once it is idle. An allocator that keeps freed memory by thread
    /// can return it to the system there.
    pub fn with_idle(self, give_memory_back: fn()) -> Self {
        Self { give_memory_back, ..self }
    }

    /// Returns the address of its TCP socket, if it has one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns its location for clients on this machine.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Returns its activity, which changes while the server serves.
    pub fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    /// Listens on `address` (`host:port`; port 0 picks a free one) for requests of metrics and health over HTTP.
    ///
    /// Metrics need the TLS and the tokens of the server's access, except on a loopback address.
    ///
    /// # Errors
    /// [`Error::Io`] if the address can't be bound.
    pub async fn metrics_endpoint(&self, address: &str) -> Result<MetricsEndpoint> {
        let (activity, access) = (self.activity(), Arc::clone(&self.access));
        MetricsEndpoint::bind(address, activity, access, self.limits).await
    }

    /// Serves until `stop` returns. Then it refuses new streams, lets open ones finish within the drain timeout, and ends
    /// the rest with UNAVAILABLE. Meanwhile its health is NOT_SERVING, and other calls are still answered. To end at once,
    /// drop the future.
    ///
    /// # Errors
    /// [`Error::Remote`] if the transport fails, [`Error::Io`] if the system gives no threads.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<()> {
        let drain = Drain::default();
        let _ends_streams = drain.over().drop_guard();
        let flights = Flights { replicas: self.replicas.into(), ..Flights::new(self.data_set, &self.limits) };
        let (limits, activity) = (self.limits, self.activity);
        let streams = Streams::start(Arc::clone(&activity), limits.blocks, self.give_memory_back)?;
        let calls = FlightCalls { flights, limits, streams, activity: Arc::clone(&activity), drain: drain.clone() };
        let Limits { calls: concurrent_calls, age, keepalive, keepalive_answer, header_bytes, .. } = limits;
        let (mut health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<GrpcService>().await;
        activity.set_serving(true);
        let signal = async {
            stop.await;
            for service in ["", GrpcService::NAME] {
                health.set_service_status(service, ServingStatus::NotServing).await;
            }
            activity.set_serving(false);
            drain.begin();
            drain.streams_ended(&activity.streams).await;
            // Ends the calls of clients that watch health. They have seen NOT_SERVING.
            for service in ["", GrpcService::NAME] {
                health.clear_service_status(service).await;
            }
        };
        let closed = async {
            drain.end_after(self.drain_timeout).await;
            tokio::time::sleep(CLOSE_TIMEOUT).await;
        };
        let admission = AdmissionLayer { access: Arc::clone(&self.access), limits, activity: Arc::clone(&activity) };
        let serve = tonic::transport::Server::builder()
            .layer(admission)
            .max_concurrent_streams(concurrent_calls)
            .max_connection_age(age)
            .http2_keepalive_interval(Some(keepalive))
            .http2_keepalive_timeout(Some(keepalive_answer))
            // h2 reads up to twice the limit, so that the refusal can name it.
            .http2_max_header_list_size(header_bytes.saturating_mul(2))
            .initial_stream_window_size(REQUEST_WINDOW_BYTES)
            .initial_connection_window_size(REQUEST_WINDOW_BYTES)
            .add_service(GrpcService::new(calls))
            .add_service(health_service)
            .add_service(reflection().build_v1().map_err(internal)?)
            .add_service(reflection().build_v1alpha().map_err(internal)?)
            .serve_with_incoming_shutdown(accept_connections(self.listener, self.access, limits, HTTP2), signal);
        tokio::select! {
            result = serve => result.map_err(|error| Error::Remote(format!("serving failed: {error}"))),
            () = closed => Ok(()),
        }
    }
}

/// Returns the messages that DoGet sends for `scan`, generated as they are read. Each is a gRPC message with its prefix.
/// This is for servers of other makes, and for tests and benchmarks without a socket. Must be read within a tokio runtime.
///
/// # Errors
/// The errors of [`Batches::batch`](crate::batches::Batches::batch).
pub fn do_get(scan: Scan) -> Result<impl Stream<Item = Result<Bytes>>> {
    let streams = Streams::start(Arc::default(), Limits::default().blocks, || ())?;
    let encoder = Encoder::new(&scan);
    Ok(streams.messages(scan, encoder)?.map(|message| message.map(unstretched)))
}

/// Encodes `batch`, which belongs to `scan`, as DoGet sends it: a gRPC message with its prefix. `next_id` is the first
/// customer after the batch.
///
/// # Errors
/// [`Error::Internal`] if Arrow can't encode the batch, which is a fault of this program.
pub fn message(scan: &Scan, batch: &RecordBatch, next_id: u64) -> Result<Bytes> {
    Ok(unstretched(Encoder::new(scan).batch(batch, next_id, next_id)?))
}

fn unstretched(message: Message) -> Bytes {
    let [bytes, _] = message.into_pieces();
    bytes
}

/// Returns the answer to GetFlightInfo for `data_set`. This is for servers of other makes, and for tests without a socket.
///
/// # Errors
/// [`Error::Misuse`] if the descriptor is malformed, [`Error::UnknownTable`] if it names no table, and the errors of
/// [`Scan::resolve`].
pub fn get_flight_info(data_set: &DataSet, descriptor: FlightDescriptor) -> Result<FlightInfo> {
    Flights::new(data_set.clone(), &Limits::default()).info(descriptor)
}

/// Returns the body of the one result of DoAction for `action`, a serialized [`Action`](arrow_flight::Action), within
/// `limits`. This is for servers of other makes, and for tests without a socket.
///
/// # Errors
/// The status that a client gets.
pub async fn do_action(data_set: &DataSet, limits: &Limits, action: &[u8]) -> Result<Vec<u8>, Status> {
    let received = calls::action(calls::body_of(action), limits.action_bytes, calls::takes_prefix).await?;
    Ok(calls::answer(&Flights::new(data_set.clone(), limits), &received)?)
}

/// The protobuf descriptors for gRPC reflection: Flight, its messages, and health.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin")))
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("starting the server: {error}"))
}
