//! The `app_metadata` of a batch, which tells a client how far the stream has come.

use super::message::internal;
use crate::error::Result;
use crate::scan::{BatchMark, Scan};
use prost::Message as _;
use serde::Serialize;
use std::ops::Range;

/// The kind of mark that the batches of a stream carry.
#[derive(Debug)]
pub(super) enum Marks {
    /// A [`BatchMark`]: where to resume.
    Resume,
    /// The progress bar of DuckDB's Airport extension, for a scan of these customers.
    Airport(Range<u64>),
}

/// How far an Airport stream has come, as msgpack.
#[derive(Debug, Serialize)]
struct Progress {
    /// From 0 to 1.
    progress: f64,
}

impl Marks {
    pub fn of(scan: &Scan) -> Self {
        if scan.is_airport() { Self::Airport(scan.ids()) } else { Self::Resume }
    }

    /// Encodes the mark of a batch. `next_id` is the first customer after the batch, `block_end` the first one after the
    /// block that the batch is a part of.
    pub fn encode(&self, next_id: u64, block_end: u64) -> Result<Vec<u8>> {
        match self {
            Self::Airport(ids) => {
                let customers = (ids.end - ids.start).max(1) as f64;
                let progress = (next_id.saturating_sub(ids.start) as f64 / customers).min(1.0);
                rmp_serde::to_vec_named(&Progress { progress }).map_err(internal)
            }
            // A whole block leaves `block_end` out: protobuf sends no zero.
            Self::Resume => {
                Ok(BatchMark { next_id, block_end: if block_end == next_id { 0 } else { block_end } }.encode_to_vec())
            }
        }
    }
}
