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
pub(super) use message::{Message, PREFIX_BYTES};

use super::memory_budget::BudgetShare;
use super::open_streams::OpenStream;
use super::telemetry::Activity;
use crate::batches::Batches;
use crate::error::{Error, Result};
use crate::scan::{Cut, Cuts, Scan};
use crate::tables::Table;
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
    /// short. `open` counts the stream until the messages are dropped; at most one block a thread is generated after that.
    ///
    /// # Errors
    /// The errors of [`Batches::batch`].
    pub fn messages(
        &self,
        scan: Scan,
        encoder: Encoder,
        open: OpenStream,
    ) -> Result<impl Stream<Item = Result<Message>> + use<>> {
        let encoder = encoder.with_buffers(Arc::clone(&self.buffers));
        let (table, cuts) = (scan.table(), scan.cuts());
        let batches = Batches::new(scan);
        let head = encoder.head(&batches.batch(1..1)?)?;
        let generate = move |cut: Cut| {
            let rows = batches.rows(cut.ids.clone())?;
            if rows.count() == 0 { Ok(None) } else { encoder.rows(rows, cut.ids.end, cut.block_end).map(Some) }
        };
        Ok(stream::iter(head.into_iter().map(Ok)).chain(self.blocks(table, cuts, generate, open)))
    }

    /// Returns what `generate` makes of each of `cuts`, in order, without blocks that have no message. A panic in it ends
    /// the stream with an error, and its words go to the log.
    fn blocks<G: Fn(Cut) -> Result<Option<Message>> + Send + Sync + 'static>(
        &self,
        table: Table,
        cuts: Cuts,
        generate: G,
        open: OpenStream,
    ) -> impl Stream<Item = Result<Message>> + use<G> {
        let share = BudgetShare::new(&self.activity.budget, self.max_blocks);
        let (activity, generators, generate) =
            (Arc::clone(&self.activity), self.generators.clone(), Arc::new(generate));
        let begin = move |cut: Cut| {
            // The counter lives as long as the stream.
            let _ = &open;
            let (ids, activity, generate) = (cut.ids.clone(), Arc::clone(&activity), Arc::clone(&generate));
            let work = move || {
                let start = Instant::now();
                let message = generate(cut);
                activity.generated(start.elapsed());
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
    use crate::model::Model;
    use crate::tables::{DataSet, Laws};
    use futures::TryStreamExt as _;
    use std::io::{self, Write};
    use std::sync::Mutex;
    use tokio_util::sync::CancellationToken;
    use tonic::{Code, Status};

    fn streams() -> Streams {
        Streams::start(Arc::default(), Limits::default().blocks, || ()).unwrap()
    }

    fn open(streams: &Streams) -> OpenStream {
        streams.activity.streams.open(&Limits::default(), None).unwrap()
    }

    /// The 5,000 customers of the scan are five blocks.
    fn scan() -> Scan {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 5_000).unwrap();
        Scan::whole(&data_set, Table::UsageDaily)
    }

    #[tokio::test]
    async fn blocks_without_rows_send_no_message() {
        let streams = streams();
        let (encoder, batches) = (Encoder::new(&scan()), Batches::new(scan()));
        let generate = move |Cut { ids, block_end, .. }: Cut| match ids.start {
            1_025 | 4_097 => Ok(None),
            _ => encoder.batch(&batches.batch(ids.clone())?, ids.end, block_end).map(Some),
        };
        let blocks = streams.blocks(Table::UsageDaily, scan().cuts(), generate, open(&streams));
        let sent: Vec<_> = blocks.try_collect().await.unwrap();
        assert_eq!((sent.len(), streams.activity.blocks()), (3, 5));
        assert_eq!((*streams.activity.open_streams().borrow(), streams.activity.budget.held_blocks()), (0, 0.0));
    }

    /// The text of the log.
    #[derive(Debug, Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(
        messages: impl Stream<Item = Result<Message>> + Send + 'static,
        activity: &Arc<Activity>,
    ) -> impl Stream<Item = Result<Vec<u8>, Status>> + Unpin {
        let caller = Caller { name: Some("ann".into()), ..Caller::default() };
        let record = StreamRecord::new(caller, &scan(), Instant::now(), Arc::clone(activity), CancellationToken::new());
        let bytes = |message: Message| message.into_pieces().concat();
        LoggedStream::new(messages.map(|message| Ok(message?)), record).map(move |message| message.map(bytes))
    }

    #[tokio::test]
    async fn a_generator_panic_ends_its_own_stream_and_is_logged() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_target(false).with_writer(move || writer.clone()).finish();
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
        let panicking = streams.blocks(Table::UsageDaily, scan().cuts(), generate, open(&streams));
        let other = streams.messages(scan(), Encoder::new(&scan()), open(&streams)).unwrap();
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
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let [panic, failed, complete] = <[&str; 3]>::try_from(log.lines().collect::<Vec<_>>()).unwrap();
        let words = "ERROR a generator panicked table=usage_daily first_id=2049 last_id=3072 panic=\"on purpose\"";
        assert!(panic.ends_with(words), "{panic}");
        assert!(failed.contains("ERROR stream ended who=\"ann\"") && failed.contains("status=Internal"), "{failed}");
        assert!(complete.contains(" INFO stream ended") && complete.ends_with("outcome=complete"), "{complete}");
    }
}
