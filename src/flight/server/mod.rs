//! The Flight server: every table of a data set, generated as it is read.

mod access;
mod actions;
mod airport;
mod budget;
mod buffers;
mod caller;
mod crowd;
mod drain;
mod flights;
mod gate;
mod limits;
mod link;
mod listen;
mod metrics;
mod pool;
mod read_ahead;
mod refusal;
mod requests;
mod rest;
mod scrape;
mod service;
mod shared_scans;
mod status;
mod stream;
mod stream_log;
mod tls;
mod tokens;
mod turns;
mod wire;
mod wire_service;

pub use access::Access;
pub use limits::Limits;
pub use scrape::MetricsEndpoint;
pub use tls::TlsFiles;

use super::location::Location;
use crate::error::{Error, Result};
use crate::scan::Scan;
use crate::tables::DataSet;
use arrow::array::RecordBatch;
use arrow_flight::{FlightDescriptor, FlightInfo};
use budget::Budget;
use buffers::Buffers;
use bytes::Bytes;
use crowd::Crowd;
use drain::Drain;
use flights::Flights;
use futures::stream::{Stream, StreamExt};
use gate::GateLayer;
use listen::Listener;
use metrics::Metrics;
use pool::Pool;
use prometheus_client::metrics::gauge::Gauge;
use service::Service;
use shared_scans::SharedScans;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use stream::OpenStream;
use tokio::sync::watch;
use tonic::Status;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use wire::Message;
use wire_service::WireService;

/// How long connections have to close once a server that stops has ended what ran.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// What a client may send before it is read: requests are small. Answers go out at the client's windows.
const REQUEST_WINDOW_BYTES: u32 = 64 << 10;

/// What a server did so far, for those who watch it.
#[derive(Debug, Default)]
pub struct Activity {
    blocks: AtomicU64,
    open_streams: watch::Sender<u64>,
    /// By the names that tokens have.
    streams_of_names: Mutex<HashMap<Arc<str>, u64>>,
    budget: Arc<Budget>,
    /// While a stream is open, as what follows.
    buffers: Mutex<Weak<Buffers>>,
    shared_scans: Mutex<Weak<SharedScans>>,
    metrics: Metrics,
}

impl Activity {
    /// Blocks generated.
    pub fn blocks(&self) -> u64 {
        self.blocks.load(Ordering::Relaxed)
    }

    /// DoGet streams that are neither read to their end nor given up, to look at or to wait for.
    pub fn open_streams(&self) -> watch::Receiver<u64> {
        self.open_streams.subscribe()
    }

    /// What messages are written in, by all streams that are open.
    fn buffers(&self) -> Arc<Buffers> {
        of_open_streams(&self.buffers)
    }

    /// What the streams that are open read.
    fn shared_scans(&self) -> Arc<SharedScans> {
        of_open_streams(&self.shared_scans)
    }

    /// All that Prometheus is told, as OpenMetrics text.
    ///
    /// # Errors
    /// [`Error::Internal`] where it can't be encoded, which is a fault of this program.
    pub fn to_open_metrics(&self) -> Result<String> {
        let open = *self.open_streams.borrow();
        self.metrics
            .text(open, self.budget.held_blocks())
            .map_err(|error| Error::Internal(format!("encoding metrics: {error}")))
    }
}

/// What the streams that are open have in common: a new one for the first of them.
fn of_open_streams<T: Default>(common: &Mutex<Weak<T>>) -> Arc<T> {
    let mut common = common.lock().unwrap_or_else(PoisonError::into_inner);
    common.upgrade().unwrap_or_else(|| {
        let new = Arc::default();
        *common = Arc::downgrade(&new);
        new
    })
}

/// A server that listens but does not answer yet.
///
/// ```
/// use saasgen::{flight::server::Server, model::Model, tables::{DataSet, Laws}};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let data_set = DataSet::new(std::sync::Arc::new(Laws::new(Model::saas_v1()?)), 42, 1_000)?;
/// let server = Server::bind("127.0.0.1:0", data_set).await?;
/// println!("listening on {}", server.location());
/// server.serve(async { /* returns when the server is to stop */ }).await
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    listener: Listener,
    location: Location,
    limits: Limits,
    access: Arc<Access>,
    service: Service,
    drain_timeout: Duration,
    give_memory_back: Option<fn()>,
}

impl Server {
    /// Listens on `address` (`host:port`, where port 0 picks a free one, or `grpc+unix:///path`) to serve `data_set`.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Io`] where the address can't be had, [`Error::Misuse`] where a Unix socket's path is another's.
    pub async fn bind(address: &str, data_set: DataSet) -> Result<Self> {
        let listener = Listener::bind(address).await?;
        let location = listener.location(address, false)?;
        let activity = Arc::new(Activity::default());
        let pool = Threads::available().pool(activity.metrics.queue_depth.clone());
        let service = Service::new(data_set, pool, activity, Drain::default());
        let (limits, access) = (Limits::default(), Arc::default());
        Ok(Self { listener, location, limits, access, service, drain_timeout: Duration::ZERO, give_memory_back: None })
    }

    /// Sets who is let in: everybody, in the open, where it isn't called.
    ///
    /// # Errors
    /// [`Error::Misuse`] where TLS is asked for on a Unix socket.
    pub fn with_access(mut self, access: Arc<Access>) -> Result<Self> {
        self.location = self.listener.location(&self.location.to_string(), access.has_tls())?;
        self.access = access;
        Ok(self)
    }

    /// Names the replicas, this server among them if need be, that every endpoint of GetFlightInfo lists, each
    /// beginning with another one. Without any, endpoints are read where they were asked for.
    pub fn with_replicas(mut self, replicas: Vec<Location>) -> Self {
        self.service = self.service.with_replicas(replicas);
        self
    }

    /// Sets what it gives before it refuses.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.service = self.service.with_limits(limits);
        self.limits = limits;
        self
    }

    /// Sets how long running streams may go on once it is told to stop. Without it, they end at once.
    pub fn with_drain_timeout(mut self, drain_timeout: Duration) -> Self {
        self.drain_timeout = drain_timeout;
        self
    }

    /// Sets what each thread that only generates calls once it has had nothing to do for a moment, and each thread that
    /// sends when a stream has ended, twice a second at most. An allocator that keeps freed memory by thread can give
    /// it back to the system there.
    pub fn with_idle(mut self, give_memory_back: fn()) -> Self {
        self.service = self.service.with_idle(give_memory_back);
        self.give_memory_back = Some(give_memory_back);
        self
    }

    /// The address of its TCP socket, if it has one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where clients on this machine reach it.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// What it did so far; stays in touch with the server while it serves.
    pub fn activity(&self) -> Arc<Activity> {
        self.service.activity()
    }

    /// Answers until `stop` returns; then takes no new stream, and lets running ones end within the drain timeout
    /// before it ends them with UNAVAILABLE. Health is NOT_SERVING meanwhile, and other calls are answered. To end at
    /// once, drop what this returns.
    ///
    /// # Errors
    /// [`Error::Remote`] where the transport failed.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<()> {
        let drain = self.service.drain();
        let _ends_streams = drain.over().drop_guard();
        let (mut health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<WireService>().await;
        let signal = async {
            stop.await;
            for service in ["", WireService::NAME] {
                health.set_service_status(service, ServingStatus::NotServing).await;
            }
            drain.begin();
            drain.streams_ended(&self.service.activity()).await;
            // Who watches health has been told, and is let go.
            for service in ["", WireService::NAME] {
                health.clear_service_status(service).await;
            }
        };
        let activity = self.service.activity();
        let at_rest = async {
            match self.give_memory_back {
                Some(give_back) => rest::give_back_at_rest(&activity, give_back).await,
                None => std::future::pending().await,
            }
        };
        let closed = async {
            drain.end_after(self.drain_timeout).await;
            tokio::time::sleep(CLOSE_TIMEOUT).await;
        };
        let Limits { calls, age, keepalive, keepalive_answer, header_bytes, .. } = self.limits;
        let serve = tonic::transport::Server::builder()
            .layer(GateLayer {
                access: Arc::clone(&self.access),
                limits: self.limits,
                activity: self.service.activity(),
            })
            .max_concurrent_streams(calls)
            .max_connection_age(age)
            .http2_keepalive_interval(Some(keepalive))
            .http2_keepalive_timeout(Some(keepalive_answer))
            // Up to twice the limit is read, so that the refusal can name it.
            .http2_max_header_list_size(header_bytes.saturating_mul(2))
            .initial_stream_window_size(REQUEST_WINDOW_BYTES)
            .initial_connection_window_size(REQUEST_WINDOW_BYTES)
            .add_service(WireService::new(self.service.clone()))
            .add_service(health_service)
            .add_service(reflection().build_v1().map_err(internal)?)
            .add_service(reflection().build_v1alpha().map_err(internal)?)
            .serve_with_incoming_shutdown(listen::connections(self.listener, self.access, self.limits), signal);
        tokio::select! {
            result = serve => result.map_err(|error| Error::Remote(format!("serving failed: {error}"))),
            () = closed => Ok(()),
            never = at_rest => match never {},
        }
    }
}

/// What DoGet sends for `scan`, generated as it is read: each message as it goes on the wire, gRPC's prefix first. For
/// servers of other making, and to measure and test without a socket. Must be read within a tokio runtime.
///
/// # Errors
/// As [`Batches::batch`](crate::batches::Batches::batch).
pub fn do_get(scan: Scan) -> Result<impl Stream<Item = Result<Bytes>>> {
    let activity = Arc::<Activity>::default();
    let pool = Threads::available().pool(activity.metrics.queue_depth.clone());
    let open = OpenStream::new(&activity, &Limits::default(), None)?;
    let encoder = wire::Encoder::new(&scan);
    let messages = stream::messages(scan, encoder, pool, open)?;
    Ok(messages.map(|message| message.map(whole)))
}

/// `batch`, which is of `scan`, as DoGet sends it, gRPC's prefix first, marked with the id of the first customer after
/// it.
///
/// # Errors
/// [`Error::Internal`] where Arrow can't encode it, which is a fault of this program.
pub fn message(scan: &Scan, batch: &RecordBatch, next_id: u64) -> Result<Bytes> {
    Ok(whole(wire::Encoder::new(scan).batch(batch, next_id, next_id)?))
}

/// A message that is not stretched.
fn whole(message: Message) -> Bytes {
    let [bytes, _] = message.into_pieces();
    bytes
}

/// What GetFlightInfo answers of `data_set`. For servers of other making, and to test without a socket.
///
/// # Errors
/// [`Error::Misuse`] or [`Error::UnknownTable`] where `descriptor` names nothing that is there, else as
/// [`Scan::resolve`].
pub fn get_flight_info(data_set: &DataSet, descriptor: FlightDescriptor) -> Result<FlightInfo> {
    Flights::of(data_set.clone(), &Limits::default()).info(descriptor)
}

/// The body of the one result that DoAction answers to `action`, a serialized [`Action`](arrow_flight::Action), within
/// `limits`. For servers of other making, and to test without a socket.
///
/// # Errors
/// The status that a client gets.
pub async fn do_action(data_set: &DataSet, limits: &Limits, action: &[u8]) -> Result<Vec<u8>, Status> {
    let received = requests::action(requests::body_of(action), limits.action_bytes, actions::takes_begin).await?;
    Ok(actions::answer(&Flights::of(data_set.clone(), limits), &received)?)
}

/// Threads of a server. All processors send; where streams are not many, sending leaves three of five free, and as many
/// threads generate beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// For the runtime that the server is run by.
    pub sending: usize,
    /// Of the server's own.
    pub generating: usize,
}

impl Threads {
    /// For as many processors as there are.
    pub fn available() -> Self {
        Self::of(std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn of(processors: usize) -> Self {
        let generating = processors - (processors * 2 / 5).max(1);
        Self { sending: processors, generating: generating.max(1) }
    }

    fn pool(self, waiting: Gauge) -> Pool {
        Pool::new(self.generating, Crowd::new(self.sending), waiting)
    }
}

/// What gRPC reflection tells of: Flight, the messages within it, health.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin")))
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("starting the server: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_the_processors() {
        let threads = [1, 2, 4, 16].map(Threads::of).map(|threads| (threads.sending, threads.generating));
        assert_eq!(threads, [(1, 1), (2, 1), (4, 3), (16, 10)]);
    }
}
