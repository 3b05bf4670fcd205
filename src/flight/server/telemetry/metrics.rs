//! The metrics for Prometheus. Each label has few values (tables, outcomes, causes) and never holds a client's text.

use super::labels::{Cause, Outcome};
use crate::tables::Table;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::atomic::AtomicU64;

/// Upper bounds of the buckets for the time to the first batch, from a tenth of the usual time to longer than anyone waits.
const FIRST_BATCH_SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTable {
    table: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStream {
    table: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRefusal {
    cause: &'static str,
}

/// The metrics of one server.
#[derive(Debug)]
pub(in crate::flight::server) struct Metrics {
    registry: Registry,
    streams: Family<OfStream, Counter>,
    rows: Family<OfTable, Counter>,
    bytes: Family<OfTable, Counter>,
    refusals: Family<OfRefusal, Counter>,
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
    /// Starts all metrics at zero, with every value of every label. A rate is then right from the first event on.
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::default(),
            streams: Family::default(),
            rows: Family::default(),
            bytes: Family::default(),
            refusals: Family::default(),
            streams_open: Gauge::default(),
            blocks_held: Gauge::default(),
            first_batch_seconds: Histogram::new(FIRST_BATCH_SECONDS),
            generator_seconds: Counter::default(),
            queue_depth: Gauge::default(),
        };
        for table in Table::ALL {
            metrics.of(table);
            for &outcome in Outcome::ALL {
                drop(metrics.streams.get_or_create(&OfStream { table: table.name(), outcome: outcome.name() }));
            }
        }
        for &cause in Cause::ALL {
            drop(metrics.refusals.get_or_create(&OfRefusal { cause: cause.name() }));
        }
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        // The encoder appends `_total` to the names of counters, and `_info` to that of the info.
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("saasgen_build", "The program's version", build);
        registry.register("saasgen_streams_open", "Open DoGet streams", self.streams_open.clone());
        registry.register(
            "saasgen_blocks_held",
            "Blocks generated, or being generated, and not yet sent",
            self.blocks_held.clone(),
        );
        registry.register("saasgen_streams", "DoGet streams that have ended", self.streams.clone());
        registry.register("saasgen_rows", "Rows handed to connections", self.rows.clone());
        registry.register("saasgen_bytes", "Bytes of gRPC messages handed to connections", self.bytes.clone());
        registry.register(
            "saasgen_first_batch_seconds",
            "Time from a DoGet request to its first batch",
            self.first_batch_seconds.clone(),
        );
        registry.register("saasgen_refusals", "Refused calls", self.refusals.clone());
        registry.register(
            "saasgen_generator_seconds",
            "Time that threads have spent generating blocks",
            self.generator_seconds.clone(),
        );
        registry.register(
            "saasgen_generator_queue_depth",
            "Blocks that wait for a generator thread",
            self.queue_depth.clone(),
        );
        self
    }

    /// Returns the counters of a stream of `table`.
    pub(super) fn of(&self, table: Table) -> StreamCounters {
        let label = OfTable { table: table.name() };
        let [rows, bytes] = [&self.rows, &self.bytes].map(|family| family.get_or_create_owned(&label));
        StreamCounters { rows, bytes }
    }

    /// Counts the end of a stream of `table`.
    pub fn ended(&self, table: Table, outcome: Outcome) {
        self.streams.get_or_create(&OfStream { table: table.name(), outcome: outcome.name() }).inc();
    }

    /// Counts a refused call.
    pub fn refused(&self, cause: Cause) {
        self.refusals.get_or_create(&OfRefusal { cause: cause.name() }).inc();
    }

    /// Encodes all metrics as OpenMetrics text.
    pub fn text(&self, streams_open: u64, blocks_held: f64) -> Result<String, fmt::Error> {
        self.blocks_held.set(blocks_held);
        self.streams_open.set(i64::try_from(streams_open).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry).map(|()| text)
    }
}
