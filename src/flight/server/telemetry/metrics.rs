//! The metrics for Prometheus. Each label has few values (tables, outcomes, causes) and never holds a client's text.

use super::labels::{Cause, Outcome};
use crate::models::Table;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};
use std::fmt;
use std::sync::atomic::AtomicU64;

/// Upper bounds of the buckets for the time to the first batch, from a tenth of the usual time to longer than anyone waits.
const FIRST_BATCH_SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// The names and values of N labels.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The metrics of one server.
#[derive(Debug)]
pub(in crate::flight::server) struct Metrics {
    registry: Registry,
    streams: Family<Labels<2>, Counter>,
    rows: Family<Labels<1>, Counter>,
    bytes: Family<Labels<1>, Counter>,
    refusals: Family<Labels<1>, Counter>,
    streams_open: Gauge,
    blocks_held: Gauge<f64, AtomicU64>,
    pub first_batch_seconds: Histogram,
    /// The sum over all threads.
    pub generator_seconds: Counter<f64, AtomicU64>,
    /// Blocks that wait for a generator thread.
    pub queue_depth: Gauge,
}

/// The counters of one stream, looked up once.
#[derive(Debug)]
pub(super) struct StreamCounters {
    pub rows: Counter,
    pub bytes: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Metrics {
    /// Starts all metrics at zero, with `tables` and every other value of every label. A rate is then right from the first event on.
    pub fn new(tables: &[Table]) -> Self {
        let mut registry = Registry::default();
        // The encoder appends `_total` to the names of counters, and `_info` to that of the info.
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        let first_batch_seconds = Histogram::new(FIRST_BATCH_SECONDS);
        let time = "Time from a DoGet request to its first batch";
        registry.register("saasgen_build", "The program's version", build);
        registry.register("saasgen_first_batch_seconds", time, first_batch_seconds.clone());
        let to = &mut registry;
        let metrics = Self {
            streams_open: added(to, "streams_open", "Open DoGet streams"),
            blocks_held: added(to, "blocks_held", "Blocks generated, or being generated, and not yet sent"),
            streams: added(to, "streams", "DoGet streams that have ended"),
            rows: added(to, "rows", "Rows handed to connections"),
            bytes: added(to, "bytes", "Bytes of gRPC messages handed to connections"),
            refusals: added(to, "refusals", "Refused calls"),
            generator_seconds: added(to, "generator_seconds", "Time that threads have spent generating blocks"),
            queue_depth: added(to, "generator_queue_depth", "Blocks that wait for a generator thread"),
            first_batch_seconds,
            registry,
        };
        for &table in tables {
            metrics.of(table);
            for outcome in Outcome::ALL {
                drop(metrics.streams.get_or_create(&[("table", table.name()), ("outcome", outcome.name())]));
            }
        }
        for cause in Cause::ALL {
            drop(metrics.refusals.get_or_create(&[("cause", cause.name())]));
        }
        metrics
    }

    /// Returns the counters of a stream of `table`.
    pub(super) fn of(&self, table: Table) -> StreamCounters {
        let labels = [("table", table.name())];
        let [rows, bytes] = [&self.rows, &self.bytes].map(|family| family.get_or_create_owned(&labels));
        StreamCounters { rows, bytes }
    }

    /// Counts the end of a stream of `table`.
    pub fn ended(&self, table: Table, outcome: Outcome) {
        self.streams.get_or_create(&[("table", table.name()), ("outcome", outcome.name())]).inc();
    }

    /// Counts a refused call.
    pub fn refused(&self, cause: Cause) {
        self.refusals.get_or_create(&[("cause", cause.name())]).inc();
    }

    /// Encodes all metrics as OpenMetrics text.
    pub fn text(&self, streams_open: u64, blocks_held: f64) -> Result<String, fmt::Error> {
        self.blocks_held.set(blocks_held);
        self.streams_open.set(i64::try_from(streams_open).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry).map(|()| text)
    }
}

/// Registers a metric under its name and its help, and returns it.
fn added<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(format!("saasgen_{name}"), help, metric.clone());
    metric
}
