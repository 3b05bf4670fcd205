//! A scan as a stream of Flight messages, generated as they are asked for.

use super::Activity;
use super::limits::Limits;
use super::pool::{Panicked, Pool};
use super::wire::{Encoder, Message};
use crate::batches::Batches;
use crate::error::{Error, Result};
use crate::scan::Scan;
use crate::tables::Table;
use futures::stream::{self, Stream, StreamExt};
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// Blocks that a stream generates ahead of its reader: one is sent, one waits, one is made.
const READ_AHEAD: usize = 3;

/// Counts a stream as open while it lives, and as one of its name's.
pub(super) struct OpenStream {
    activity: Arc<Activity>,
    name: Option<Arc<str>>,
}

impl OpenStream {
    /// One more stream, of the token's name if there is one.
    ///
    /// # Errors
    /// [`Error::Limit`] where as many are open as `limits` allow in all, or of that name.
    pub fn new(activity: &Arc<Activity>, limits: &Limits, name: Option<&Arc<str>>) -> Result<Self> {
        if let Some(name) = name {
            let most = limits.streams_of_name;
            let mut of_names = activity.streams_of_names.lock().unwrap_or_else(PoisonError::into_inner);
            let open = of_names.entry(Arc::clone(name)).or_default();
            if *open >= most {
                return Err(Error::Limit(format!(
                    "{most} streams of {name} are open, as many as --max-streams-per-name allows: read again when others \
                     have ended"
                )));
            }
            *open += 1;
        }
        // From here on, dropping it takes the name's count back.
        let open = Self { activity: Arc::clone(activity), name: name.cloned() };
        let most = limits.streams;
        let is_counted = activity.open_streams.send_if_modified(|open| {
            let has_room = *open < most;
            *open += 1;
            has_room
        });
        if !is_counted {
            return Err(Error::Limit(format!(
                "{most} streams are open, as many as --max-streams allows: read again when others have ended"
            )));
        }
        Ok(open)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.activity.open_streams.send_modify(|open| *open -= 1);
        let Some(name) = &self.name else { return };
        let mut of_names = self.activity.streams_of_names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = of_names.get_mut(name) {
            *open -= 1;
            if *open == 0 {
                of_names.remove(name);
            }
        }
    }
}

/// The schema, the dictionaries, then each block that has rows. At most [`READ_AHEAD`] blocks are held; dropping the
/// stream stops its generation within one block a thread.
pub(super) fn messages(scan: Scan, pool: Pool, open: OpenStream) -> Result<impl Stream<Item = Result<Message>>> {
    let encoder = Arc::new(Encoder::new(&scan));
    let (table, ids) = (scan.table(), scan.blocks());
    let batches = Arc::new(Batches::new(scan));
    let head = encoder.head(&batches.batch(1..1)?)?;
    let generate = move |ids: Range<u64>| {
        let batch = batches.batch(ids.clone())?;
        if batch.num_rows() == 0 { Ok(None) } else { encoder.batch(&batch, ids.end).map(Some) }
    };
    Ok(stream::iter(head.into_iter().map(Ok)).chain(blocks(table, ids, generate, pool, open)))
}

/// What `generate` makes of each block of `ids`, in order; those that have nothing are left out. Where it panics, the
/// stream has an error, and the log the panic's words.
fn blocks(
    table: Table,
    mut ids: impl Iterator<Item = Range<u64>> + Send + 'static,
    generate: impl Fn(Range<u64>) -> Result<Option<Message>> + Send + Sync + 'static,
    pool: Pool,
    open: OpenStream,
) -> impl Stream<Item = Result<Message>> {
    let (activity, generate) = (Arc::clone(&open.activity), Arc::new(generate));
    let make = move |ids: Range<u64>| {
        let (activity, generate, of) = (Arc::clone(&activity), Arc::clone(&generate), ids.clone());
        let job = pool.run(move || {
            activity.blocks.fetch_add(1, Ordering::Relaxed);
            let start = Instant::now();
            let message = generate(ids);
            activity.metrics.generator_seconds.inc_by(start.elapsed().as_secs_f64());
            message
        });
        async move { job.await.unwrap_or_else(|panicked| Err(failed(table, &of, &panicked))) }
    };
    // The first block has the processors to itself: made beside the next two, it came after up to 10 ms, and now 6.
    let first = stream::iter(ids.next()).then(make.clone());
    first.chain(stream::iter(ids).map(make).buffered(READ_AHEAD)).filter_map(move |message| {
        // Moves the counter into the stream.
        let _ = &open;
        std::future::ready(message.transpose())
    })
}

/// What a client is told of a panic. Its words are for those who run the server.
fn failed(table: Table, ids: &Range<u64>, Panicked(panic): &Panicked) -> Error {
    let (table, first_id, last_id) = (table.name(), ids.start, ids.end - 1);
    tracing::error!(%table, first_id, last_id, panic = &**panic, "a generator panicked");
    Error::Internal(format!(
        "generating customers {first_id} to {last_id} of {table} panicked; the server's log has more"
    ))
}
