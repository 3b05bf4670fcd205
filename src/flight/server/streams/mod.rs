//! A scan as a stream of Flight messages, generated as they are read.
//!
//! ```text
//! scan ─ cuts ─▶ read_ahead ─ jobs ─▶ generators ─ encoder ─▶ message ─▶ logged_stream ─▶ connection
//!                memory_budget                     message_buffers
//! ```
//!
//! The runtime's threads send; [`generators`] generate. [`read_ahead`] begins up to three blocks ahead of the reader, as
//! far as the [memory budget](super::memory_budget) allows. The generator thread encodes each block into one of the
//! [`message_buffers`].

mod encoder;
mod generators;
mod ipc;
mod logged_stream;
mod marks;
mod message;
mod message_buffers;
mod read_ahead;
mod stretched_block;

pub(super) use encoder::Encoder;
pub(super) use generators::Panicked;
pub(super) use logged_stream::LoggedStream;
pub(super) use message::Message;

use super::memory_budget::BudgetShare;
use super::telemetry::Activity;
use crate::batches::Batches;
use crate::error::{Error, Result};
use crate::models::Table;
use crate::scan::{Cut, Cuts, Scan};
use futures::FutureExt as _;
use futures::stream::{self, Stream, StreamExt};
use generators::Generators;
use message_buffers::MessageBuffers;
use read_ahead::ReadAhead;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Generates the streams of one server. Clones share its threads and memory.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    activity: Arc<Activity>,
    generators: Generators,
    buffers: Arc<MessageBuffers>,
    /// Blocks that all streams may hold together.
    max_blocks: u64,
}

impl Streams {
    /// Starts the generator threads. Once idle, they free the message buffers and call `give_memory_back`.
    ///
    /// # Errors
    /// [`Error::Io`] if the system gives no thread.
    pub fn start(activity: Arc<Activity>, max_blocks: u64, give_memory_back: fn()) -> Result<Self> {
        let buffers = Arc::<MessageBuffers>::default();
        let unused = Arc::clone(&buffers);
        let on_idle = move || {
            unused.clear();
            give_memory_back();
        };
        let generators =
            Generators::start(generators::default_threads(), activity.metrics.queue_depth.clone(), on_idle)?;
        Ok(Self { activity, generators, buffers, max_blocks })
    }

    /// Returns the messages of `scan`: the schema, the dictionaries, then each block that has rows, in parts if memory is
    /// short. Once they are dropped, at most one block a thread is still generated.
    ///
    /// # Errors
    /// The errors of [`Batches::batch`].
    pub fn messages(&self, scan: Scan, encoder: Encoder) -> Result<impl Stream<Item = Result<Message>> + use<>> {
        let encoder = encoder.with_buffers(Arc::clone(&self.buffers));
        let (table, cuts) = (scan.table(), scan.cuts());
        let batches = Batches::new(scan);
        let head = encoder.head(&batches.batch(1..1)?)?;
        let generate = move |cut: Cut| {
            let rows = batches.rows(cut.ids.clone())?;
            if rows.count() == 0 { Ok(None) } else { encoder.rows(rows, cut.ids.end, cut.block_end).map(Some) }
        };
        Ok(stream::iter(head.into_iter().map(Ok)).chain(self.blocks(table, cuts, generate)))
    }

    /// Returns what `generate` makes of each of `cuts`, in order, without blocks that have no message. A panic in it ends
    /// the stream with an error, and its words go to the log.
    fn blocks<G: Fn(Cut) -> Result<Option<Message>> + Send + Sync + 'static>(
        &self,
        table: Table,
        cuts: Cuts,
        generate: G,
    ) -> impl Stream<Item = Result<Message>> + use<G> {
        let share = BudgetShare::new(&self.activity.budget, self.max_blocks);
        let (activity, generators, generate) =
            (Arc::clone(&self.activity), self.generators.clone(), Arc::new(generate));
        let begin = move |cut: Cut| {
            let (ids, activity, generate) = (cut.ids.clone(), Arc::clone(&activity), Arc::clone(&generate));
            let work = move || {
                activity.count_block();
                let start = Instant::now();
                let message = generate(cut);
                activity.metrics.generator_seconds.inc_by(start.elapsed().as_secs_f64());
                message
            };
            generators
                .run(work)
                .map(move |done| done.unwrap_or_else(|panicked| Err(generator_panicked(table, &ids, &panicked))))
                .boxed()
        };
        ReadAhead::new(cuts, share, begin).into_stream()
    }
}

/// Logs the words of a panic, and returns the error for the client, without them.
fn generator_panicked(table: Table, ids: &Range<u64>, Panicked(panic): &Panicked) -> Error {
    let (table, first_id, last_id) = (table.name(), ids.start, ids.end - 1);
    tracing::error!(%table, first_id, last_id, panic = &**panic, "a generator panicked");
    Error::Internal(format!(
        "generating customers {first_id} to {last_id} of {table} panicked; the server's log has the details"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::server::caller::Caller;
    use crate::flight::server::limits::Limits;
    use crate::flight::server::telemetry::StreamRecord;
    use crate::models::{DataSet, Model, saas_v1};
    use futures::TryStreamExt as _;
    use std::sync::{Mutex, mpsc};
    use tokio_util::sync::CancellationToken;
    use tonic::{Code, Status};

    fn streams() -> Streams {
        Streams::start(Arc::default(), Limits::default().blocks, || ()).unwrap()
    }

    /// The 5,000 customers of the scan are five blocks.
    fn scan() -> Scan {
        let data_set = DataSet::new(Model::saas_v1().unwrap(), 42, 5_000).unwrap();
        Scan::whole(&data_set, saas_v1::USAGE_DAILY)
    }

    #[tokio::test]
    async fn blocks_without_rows_send_no_message() {
        let streams = streams();
        let (encoder, batches) = (Encoder::new(&scan()), Batches::new(scan()));
        let generate = move |Cut { ids, block_end, .. }: Cut| match ids.start {
            1_025 | 4_097 => Ok(None),
            _ => encoder.batch(&batches.batch(ids.clone())?, ids.end, block_end).map(Some),
        };
        let blocks = streams.blocks(saas_v1::USAGE_DAILY, scan().cuts(), generate);
        let sent: Vec<_> = blocks.try_collect().await.unwrap();
        assert_eq!((sent.len(), streams.activity.blocks()), (3, 5));
        assert!(streams.activity.budget.held_blocks() == 0.0);
    }

    #[tokio::test]
    async fn the_first_block_is_generated_alone_and_then_three_at_most() {
        let (streams, held) = (streams(), |streams: &Streams| streams.activity.budget.held_blocks());
        let (release, gate) = mpsc::channel::<()>();
        let (gate, encoder, batches) = (Mutex::new(gate), Encoder::new(&scan()), Batches::new(scan()));
        let generate = move |Cut { ids, block_end, .. }: Cut| {
            gate.lock().unwrap().recv().unwrap();
            encoder.batch(&batches.batch(ids.clone())?, ids.end, block_end).map(Some)
        };
        let mut blocks = Box::pin(streams.blocks(saas_v1::USAGE_DAILY, scan().cuts(), generate));
        assert!(blocks.next().now_or_never().is_none() && held(&streams) == 1.0);
        release.send(()).unwrap();
        blocks.next().await.unwrap().unwrap();
        assert!(blocks.next().now_or_never().is_none() && held(&streams) == 3.0);
    }

    fn logged(
        messages: impl Stream<Item = Result<Message>> + Send + 'static,
        activity: &Arc<Activity>,
    ) -> impl Stream<Item = Result<Vec<u8>, Status>> + Unpin {
        let caller = Caller { name: Some("ann".into()), ..Caller::default() };
        let record = StreamRecord::new(caller, &scan(), Instant::now(), Arc::clone(activity), CancellationToken::new());
        let open = activity.streams.open(&Limits::default(), None).unwrap();
        let bytes = |message: Message| message.into_pieces().concat();
        LoggedStream::new(messages.map(|message| Ok(message?)), record, open).map(move |message| message.map(bytes))
    }

    #[tokio::test]
    async fn a_generator_panic_ends_its_own_stream_and_is_logged() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(log.reopen().unwrap());
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_target(false).with_writer(writer).finish();
        // With a single dispatcher, tracing caches for each log line whether the first thread that reached it wants it.
        // That may be a thread of another test, without a subscriber.
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        let _logged = tracing::subscriber::set_default(subscriber);
        let streams = streams();
        let activity = Arc::clone(&streams.activity);
        let (encoder, batches) = (Encoder::new(&scan()), Batches::new(scan()));
        let generate = move |Cut { ids, block_end, .. }: Cut| match ids.start {
            2_049 => panic!("on purpose"),
            _ => encoder.batch(&batches.batch(ids.clone())?, ids.end, block_end).map(Some),
        };
        let panicking = streams.blocks(saas_v1::USAGE_DAILY, scan().cuts(), generate);
        let other = streams.messages(scan(), Encoder::new(&scan())).unwrap();
        let (mut panicking, mut other) = (Box::pin(logged(panicking, &activity)), Box::pin(logged(other, &activity)));
        // Both streams alternate on the same threads.
        let schema = other.next().await.unwrap().unwrap();
        assert!(schema.len() < 2_000);
        let (mut read, mut read_of_other) = (Vec::new(), Vec::new());
        let status = loop {
            match panicking.next().await.expect("an error at the end") {
                Ok(message) => read.push(message),
                Err(status) => break status,
            }
            read_of_other.push(other.next().await.unwrap().unwrap());
        };
        while let Some(message) = other.next().await {
            read_of_other.push(message.unwrap());
        }
        assert_eq!((read.len(), read_of_other.len()), (2, 5));
        assert!(read == read_of_other[..2]);
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("customers 2049 to 3072 of usage_daily"), "{status}");
        assert!(!status.message().contains("on purpose"), "{status}");

        drop((panicking, other));
        assert_eq!(*activity.open_streams().borrow(), 0);
        let metrics = activity.to_open_metrics().unwrap();
        for outcome in ["complete", "failed"] {
            let line = format!("saasgen_streams_total{{table=\"usage_daily\",outcome=\"{outcome}\"}} 1\n");
            assert!(metrics.contains(&line), "{metrics}");
        }
        let log = std::fs::read_to_string(log).unwrap();
        let [panic, failed, complete] = <[&str; 3]>::try_from(log.lines().collect::<Vec<_>>()).unwrap();
        let words = "ERROR a generator panicked table=usage_daily first_id=2049 last_id=3072 panic=\"on purpose\"";
        assert!(panic.ends_with(words), "{panic}");
        assert!(failed.contains("ERROR stream ended who=\"ann\"") && failed.contains("status=Internal"), "{failed}");
        assert!(complete.contains(" INFO stream ended") && complete.ends_with("outcome=complete"), "{complete}");
    }
}
