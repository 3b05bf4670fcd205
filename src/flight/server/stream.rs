//! A scan as a stream of Flight messages, generated as they are asked for.

use super::Activity;
use super::budget::Share;
use super::crowd::Asks;
use super::limits::Limits;
use super::pool::{Panicked, Pool, caught};
use super::read_ahead::{Begun, READ_AHEAD, ReadAhead};
use super::shared_scans::{Reader, ScanKey};
use super::wire::{Encoder, Message};
use crate::batches::Batches;
use crate::error::{Error, Result};
use crate::scan::{Cut, Cuts, PARTS_OF_BLOCK, Scan};
use crate::tables::Table;
use futures::FutureExt as _;
use futures::stream::{self, Stream, StreamExt};
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use tokio::task::yield_now;

/// Counts a stream as open while it lives, and as one of its name's.
pub(super) struct OpenStream {
    activity: Arc<Activity>,
    name: Option<Arc<str>>,
    /// Blocks that all streams hold together.
    blocks: u64,
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
        let open = Self { activity: Arc::clone(activity), name: name.cloned(), blocks: limits.blocks };
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

    /// Its share of the memory for blocks.
    fn share(&self) -> Share {
        Share::new(&self.activity.budget, self.blocks)
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

/// The schema, the dictionaries, then each block that has rows, in parts where the server's memory is short. What is made
/// ahead is bounded, as [`ReadAhead`] has it; dropping the stream stops its generation within one block a thread.
pub(super) fn messages(
    scan: Scan,
    encoder: Encoder,
    pool: Pool,
    open: OpenStream,
) -> Result<impl Stream<Item = Result<Message>>> {
    let encoder = Arc::new(encoder.with_buffers(open.activity.buffers()));
    let (table, cuts) = (scan.table(), scan.cuts());
    let key = Arc::new(ScanKey { request: scan.to_request(), is_stretched: encoder.is_stretching() });
    let reader = open.activity.shared_scans().join(key, open.blocks);
    let batches = Arc::new(Batches::new(scan));
    let head = encoder.head(&batches.batch(1..1)?)?;
    let generate = move |cut: Cut| {
        let rows = batches.rows(cut.ids.clone())?;
        if rows.count() == 0 { Ok(None) } else { encoder.rows(rows, cut.ids.end, cut.block_end).map(Some) }
    };
    Ok(stream::iter(head.into_iter().map(Ok)).chain(blocks(table, cuts, generate, reader, pool, open)))
}

/// What `generate` makes of each of `cuts`, in order; those that have nothing are left out. Where it panics, the
/// stream has an error, and the log the panic's words.
fn blocks(
    table: Table,
    cuts: Cuts,
    generate: impl Fn(Cut) -> Result<Option<Message>> + Send + Sync + 'static,
    reader: Reader,
    pool: Pool,
    open: OpenStream,
) -> impl Stream<Item = Result<Message>> {
    let (activity, generate, reader) = (Arc::clone(&open.activity), Arc::new(generate), Arc::new(reader));
    let share = open.share();
    let crowd = Arc::clone(pool.crowd());
    let member = crowd.join();
    let make = move |cut: Cut| {
        // Moves the counter into the stream.
        let _ = &open;
        let (ids, is_full) = (cut.ids.clone(), cut.parts == PARTS_OF_BLOCK);
        let asks = member.ask(cut.parts);
        let (counted, generate) = (Arc::clone(&activity), Arc::clone(&generate));
        let work = move || {
            counted.blocks.fetch_add(1, Ordering::Relaxed);
            let start = Instant::now();
            let message = generate(cut);
            counted.metrics.generator_seconds.inc_by(start.elapsed().as_secs_f64());
            message
        };
        let of = ids.clone();
        let or_failed =
            move |made: Result<_, Panicked>| made.unwrap_or_else(|panicked| Err(failed(table, &of, &panicked)));
        if asks == Asks::OfFew || !is_full {
            reader.leave();
        }
        if let Asks::OfMany { is_fast } = asks {
            let (crowd, reader, activity) = (Arc::clone(&crowd), Arc::clone(&reader), Arc::clone(&activity));
            let made = async move {
                // Blocks without rows would keep the thread from others.
                yield_now().await;
                let make = || or_failed(caught(work));
                if !is_full {
                    return make();
                }
                if is_fast {
                    crowd.turns().wait(reader.scan()).await;
                }
                let (message, is_shared) = reader.message(&ids, make).await?;
                activity.metrics.shared_batches.inc_by(u64::from(is_shared && message.is_some()));
                Ok(message)
            };
            Begun { message: made.boxed(), ahead: 1 }
        } else {
            Begun { message: pool.run(work).map(or_failed).boxed(), ahead: READ_AHEAD }
        }
    };
    ReadAhead::new(cuts, share, make)
}

/// What a client is told of a panic. Its words are for those who run the server.
fn failed(table: Table, ids: &Range<u64>, Panicked(panic): &Panicked) -> Error {
    let (table, first_id, last_id) = (table.name(), ids.start, ids.end - 1);
    tracing::error!(%table, first_id, last_id, panic = &**panic, "a generator panicked");
    Error::Internal(format!(
        "generating customers {first_id} to {last_id} of {table} panicked; the server's log has more"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::server::caller::Caller;
    use crate::flight::server::crowd::Crowd;
    use crate::flight::server::stream_log::{Record, Watched};
    use crate::model::Model;
    use crate::scan::ScanRequest;
    use crate::tables::{DataSet, Laws};
    use futures::TryStreamExt as _;
    use futures::future::{join_all, poll_fn, try_join_all};
    use std::io::{self, Write};
    use std::pin::pin;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;
    use tokio::time::{Duration, timeout};
    use tokio_util::sync::CancellationToken;
    use tonic::{Code, Status};

    #[tokio::test]
    async fn a_scan_of_blocks_without_rows_leaves_the_thread_to_others() {
        let activity = Arc::<Activity>::default();
        let pool = Pool::new(1, Crowd::new(0), activity.metrics.queue_depth.clone());
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let generate = move |_: Cut| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(None)
        };
        let open = OpenStream::new(&activity, &Limits::default(), None).unwrap();
        let reader = reader(&activity);
        let mut blocks = pin!(blocks(Table::UsageDaily, scan().cuts(), generate, reader, pool, open));
        let mut polls = 0;
        let end = poll_fn(|cx| {
            polls += 1;
            blocks.as_mut().poll_next(cx)
        });
        assert!(end.await.is_none());
        assert_eq!(
            (polls, made.load(Ordering::Relaxed)),
            (6, 5),
            "one poll a block, and one to learn that there are no more"
        );
    }

    /// Time stands still while they work, so that none is thought to have stalled.
    #[tokio::test(start_paused = true)]
    async fn streams_of_one_scan_share_what_is_made_and_get_what_each_gets_alone() {
        let activity = Arc::<Activity>::default();
        let open = || OpenStream::new(&activity, &Limits::default(), None).unwrap();
        let part = scan().for_ids(1..4_000);
        let read = |streams: usize, sending| {
            let pool = Pool::new(1, Crowd::new(sending), activity.metrics.queue_depth.clone());
            let plain = (0..streams).map(|_| (scan(), Encoder::new(&scan())));
            let others = [(part.clone(), Encoder::new(&part)), (scan(), Encoder::new(&scan()).stretching(&scan()))];
            let all = plain.chain(others).map(|(scan, encoder)| messages(scan, encoder, pool.clone(), open()).unwrap());
            let bytes = |message: Message| message.into_pieces().concat();
            try_join_all(all.map(|messages| messages.map_ok(bytes).try_collect()).collect::<Vec<_>>())
        };
        let alone: Vec<Vec<Vec<u8>>> = read(1, 9).await.unwrap();
        assert_eq!(activity.blocks(), 5 + 4 + 5);
        let beside: Vec<Vec<Vec<u8>>> = read(20, 0).await.unwrap();
        assert!(beside[..20].iter().all(|read| *read == alone[0]) && beside[20..] == alone[1..]);
        // The first is made by each, which knows of no others yet, and so is the last, which is no full block.
        assert_eq!(activity.blocks(), 5 + 4 + 5 + (20 + 3 + 20) + 4 + 5);
        let metrics = activity.to_open_metrics().unwrap();
        assert!(metrics.contains("saasgen_shared_batches_total 57\n"), "{metrics}");
    }

    #[tokio::test(start_paused = true)]
    async fn many_streams_are_served_by_turns_and_those_of_one_scan_together() {
        let activity = Arc::<Activity>::default();
        let pool = Pool::new(1, Crowd::new(1), activity.metrics.queue_depth.clone());
        let mut all = Vec::new();
        for seed in [1, 1, 2, 3, 4, 5] {
            let data_set = scan().data_set().with(seed, 5_000).unwrap();
            let scan = Scan::whole(&data_set, Table::UsageDaily);
            let open = OpenStream::new(&activity, &Limits::default(), None).unwrap();
            all.push(messages(scan.clone(), Encoder::new(&scan), pool.clone(), open).unwrap().boxed());
        }
        // The schema, and a block each, before they are known to be fast.
        for _ in 0..2 {
            join_all(all.iter_mut().map(|one| one.next())).await;
        }
        // Soon enough for nobody to lose a turn.
        let soon = |one| timeout(Duration::from_millis(1), StreamExt::next(one)).map(|next| next.is_ok());
        let are_served = join_all(all.iter_mut().map(soon)).await;
        assert_eq!(are_served, [true, true, true, false, false, false]);
        // All come to their ends.
        let rest = join_all(all.into_iter().map(|one| one.count())).await;
        assert_eq!(rest, [3, 3, 3, 4, 4, 4]);
        assert_eq!(*activity.open_streams().borrow(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_kept_for_streams_that_are_no_longer_many() {
        let activity = Arc::<Activity>::default();
        let pool = Pool::new(1, Crowd::new(1), activity.metrics.queue_depth.clone());
        let open = || OpenStream::new(&activity, &Limits::default(), None).unwrap();
        let one = || messages(scan(), Encoder::new(&scan()), pool.clone(), open()).unwrap().boxed();
        let mut all: Vec<_> = (0..6).map(|_| one()).collect();
        // The schema and two blocks each, then one of them two more.
        for _ in 0..3 {
            join_all(all.iter_mut().map(|one| one.next())).await;
        }
        let shared = activity.shared_scans();
        all[0].next().await;
        all[0].next().await;
        assert_eq!(shared.kept(), 2);
        drop(all.drain(..4));
        assert_eq!(shared.kept(), 2);
        join_all(all.iter_mut().map(|one| one.next())).await;
        assert_eq!(shared.kept(), 0);
    }

    /// What is logged.
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

    fn scan() -> Scan {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 5_000).unwrap();
        Scan::whole(&data_set, Table::UsageDaily)
    }

    /// That of a stream of its own.
    fn reader(activity: &Arc<Activity>) -> Reader {
        activity.shared_scans().join(Arc::new(ScanKey { request: ScanRequest::default(), is_stretched: false }), 128)
    }

    fn watched(
        messages: impl Stream<Item = Result<Message>> + Send + 'static,
        activity: &Arc<Activity>,
    ) -> impl Stream<Item = Result<Vec<u8>, Status>> + Unpin {
        let caller = Caller { name: Some("ann".into()), ..Caller::default() };
        let record = Record::new(caller, &scan(), Instant::now(), Arc::clone(activity), CancellationToken::new());
        let bytes = |message: Message| message.into_pieces().concat();
        Watched::new(messages.map(|message| Ok(message?)), record).map(move |message| message.map(bytes))
    }

    #[tokio::test]
    async fn a_generator_that_panics_ends_its_stream_alone_and_is_logged() {
        // On threads of the pool, since more threads send than there are streams, and on the thread that sends.
        for sending in [9, 0] {
            panics_beside_others(sending).await;
        }
    }

    async fn panics_beside_others(sending: usize) {
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_target(false).with_writer(move || writer.clone()).finish();
        // With one dispatcher only, tracing asks that of the thread which comes to a line first: another test's has none.
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        let _logged = tracing::subscriber::set_default(subscriber);
        let activity = Arc::<Activity>::default();
        let pool = Pool::new(2, Crowd::new(sending), activity.metrics.queue_depth.clone());
        let (encoder, batches) = (Encoder::new(&scan()), Batches::new(scan()));
        let generate = move |Cut { ids, block_end, .. }: Cut| match ids.start {
            2_049 => panic!("on purpose"),
            _ => encoder.batch(&batches.batch(ids.clone())?, ids.end, block_end).map(Some),
        };
        let open = || OpenStream::new(&activity, &Limits::default(), None).unwrap();
        let panics = blocks(Table::UsageDaily, scan().cuts(), generate, reader(&activity), pool.clone(), open());
        let others = messages(scan(), Encoder::new(&scan()), pool, open()).unwrap();
        let (mut panics, mut others) = (watched(panics, &activity), watched(others, &activity));
        // Both are under way, by turns on the same threads.
        let schema = others.next().await.unwrap().unwrap();
        assert!(schema.len() < 2_000);
        let (mut read, mut of_others) = (Vec::new(), Vec::new());
        let status = loop {
            match panics.next().await.expect("it ends with an error") {
                Ok(message) => read.push(message),
                Err(status) => break status,
            }
            of_others.push(others.next().await.unwrap().unwrap());
        };
        while let Some(message) = others.next().await {
            of_others.push(message.unwrap());
        }
        assert_eq!((read.len(), of_others.len()), (2, 5));
        assert!(read == of_others[..2]);
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("customers 2049 to 3072 of usage_daily"), "{status}");
        assert!(!status.message().contains("on purpose"), "{status}");

        drop((panics, others));
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
