//! The work that a server has done and the memory that it holds.

use super::metrics::Metrics;
use crate::error::{Error, Result};
use crate::flight::server::memory_budget::MemoryBudget;
use crate::flight::server::open_streams::OpenStreams;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// The work that a server has done and the memory that it holds.
#[derive(Debug, Default)]
pub struct Activity {
    generated_blocks: AtomicU64,
    pub(in crate::flight::server) streams: Arc<OpenStreams>,
    pub(in crate::flight::server) budget: Arc<MemoryBudget>,
    pub(in crate::flight::server) metrics: Metrics,
}

impl Activity {
    /// Returns the number of blocks generated.
    pub fn blocks(&self) -> u64 {
        self.generated_blocks.load(Ordering::Relaxed)
    }

    /// Returns the number of DoGet streams that are neither complete nor dropped, to read or to wait for.
    pub fn open_streams(&self) -> watch::Receiver<u64> {
        self.streams.count()
    }

    /// Counts a block that a thread has generated in `elapsed`.
    pub(in crate::flight::server) fn generated(&self, elapsed: Duration) {
        self.generated_blocks.fetch_add(1, Ordering::Relaxed);
        self.metrics.generator_seconds.inc_by(elapsed.as_secs_f64());
    }

    /// Returns all metrics as OpenMetrics text.
    ///
    /// # Errors
    /// [`Error::Internal`] if they can't be encoded, which is a fault of this program.
    pub fn to_open_metrics(&self) -> Result<String> {
        let open = *self.streams.count().borrow();
        self.metrics
            .text(open, self.budget.held_blocks())
            .map_err(|error| Error::Internal(format!("encoding metrics: {error}")))
    }
}
