//! The work that a server has done and the memory that it holds.

use super::metrics::Metrics;
use crate::error::{Error, Result};
use crate::flight::server::memory_budget::MemoryBudget;
use crate::flight::server::open_streams::OpenStreams;
use crate::models::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;

/// The work that a server has done and the memory that it holds.
#[derive(Debug, Default)]
pub struct Activity {
    blocks: AtomicU64,
    is_serving: AtomicBool,
    pub(in crate::flight::server) streams: Arc<OpenStreams>,
    pub(in crate::flight::server) budget: Arc<MemoryBudget>,
    pub(in crate::flight::server) metrics: Metrics,
}

impl Activity {
    /// Returns the activity of a server of `tables`, which has done nothing yet.
    pub(in crate::flight::server) fn new(tables: &[Table]) -> Self {
        Self { metrics: Metrics::new(tables), ..Self::default() }
    }

    /// Returns the number of blocks generated or begun.
    pub fn blocks(&self) -> u64 {
        self.blocks.load(Ordering::Relaxed)
    }

    /// Returns the number of DoGet streams that are neither complete nor dropped, to read or to wait for.
    pub fn open_streams(&self) -> watch::Receiver<u64> {
        self.streams.count()
    }

    /// Returns whether the server takes new streams.
    pub(in crate::flight::server) fn is_serving(&self) -> bool {
        self.is_serving.load(Ordering::Relaxed)
    }

    /// Notes whether the server takes new streams.
    pub(in crate::flight::server) fn set_serving(&self, is_serving: bool) {
        self.is_serving.store(is_serving, Ordering::Relaxed);
    }

    /// Counts a block that a thread begins to generate.
    pub(in crate::flight::server) fn count_block(&self) {
        self.blocks.fetch_add(1, Ordering::Relaxed);
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
