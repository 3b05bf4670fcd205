//! Scans that several streams read side by side: each of their messages is made once.
//!
//! Where streams are many ([`super::crowd`]), the processors are what they lack, and making a message takes more of them
//! than sending it. So of the streams that read one scan, whoever comes to a block first makes its message, and the
//! others, as long as they are close behind, are sent the same bytes. They stay close: a stream far ahead of others waits
//! for them for a moment, as databases have scans of a table wait for each other to read it from disk once (C. A. Lang et
//! al., "Increasing buffer locality for multiple relational table scans through grouping and throttling", ICDE 2007).
//! Without that, each goes at its own pace, and soon nothing is shared.
//!
//! ```text
//! block   5    6    7    8    9   10   11   12   13
//!              [kept until no reader behind wants it]
//!         c              b                 a          a asks for 13: it waits for b, which is 5 behind, and not for
//!                                                     c, which is lost to it, nor for a reader that has stalled
//! ```
//!
//! 16 pyarrow clients that read the same rows get 1.4 times what they get without.

mod state;

use super::wire::Message;
use crate::error::Result;
use crate::scan::ScanRequest;
use state::{Kept, Place, State};
use std::mem;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, timeout};

/// Messages, of about a megabyte, that are kept at most, of all scans together.
const KEPT: usize = 16;

/// Blocks that one may be ahead of another without waiting for it. With 3 it is as fast, without a bound half as slow again.
const CLOSE: u64 = 4;

/// Who is more blocks behind than this is not waited for, nor is a message kept for it.
const LOST: u64 = 8;

/// Who has taken no block for so long is not waited for, nor is a message kept for it.
const STALLED: Duration = Duration::from_millis(50);

/// One part in so many of its time is what a stream waits for others at most, and [`PATIENCE`] at once.
const WAITING: u32 = 4;

const PATIENCE: Duration = Duration::from_millis(50);

/// What determines a message's bytes beside its customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScanKey {
    /// All that was asked for.
    pub request: ScanRequest,
    /// Whether one of its blocks is stretched.
    pub is_stretched: bool,
}

/// The scans that the streams of a server read.
#[derive(Debug, Default)]
pub(super) struct SharedScans {
    state: Mutex<State>,
    next_reader: AtomicU64,
}

impl SharedScans {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more stream that reads `scan`.
    pub fn join(self: Arc<Self>, scan: ScanKey) -> Reader {
        let reader = self.next_reader.fetch_add(1, Ordering::Relaxed);
        Reader { scans: self, scan: Arc::new(scan), reader }
    }

    /// Messages that are kept.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        self.state().kept.len()
    }
}

/// One of the streams that read a scan.
#[derive(Debug)]
pub(super) struct Reader {
    scans: Arc<SharedScans>,
    scan: Arc<ScanKey>,
    reader: u64,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What a reader does to have the message of a block.
enum Step {
    Take(Message),
    Make { is_kept: bool },
    WaitForMaker(OwnedNotified),
    WaitForOthers(OwnedNotified, Duration),
}

impl Reader {
    /// The message of the block of `ids`, and whether another stream has made it; otherwise `make` does, once others are
    /// close enough. Where `make` fails, others make it for themselves.
    pub async fn message(
        &self,
        ids: &Range<u64>,
        make: impl FnOnce() -> Result<Option<Message>>,
    ) -> Result<(Option<Message>, bool)> {
        let mut waited = Duration::ZERO;
        let is_kept = loop {
            match self.step(ids, mem::take(&mut waited)) {
                Step::Take(message) => return Ok((Some(message), true)),
                Step::Make { is_kept } => break is_kept,
                Step::WaitForMaker(is_made) => is_made.await,
                Step::WaitForOthers(has_moved, most) => {
                    let begin = Instant::now();
                    // Whether they have moved or it is late, it looks again.
                    let _ = timeout(most, has_moved).await;
                    waited = begin.elapsed();
                }
            }
        };
        let made = make();
        if is_kept {
            self.keep(ids, made.as_ref().ok().cloned().flatten());
        }
        made.map(|message| (message, false))
    }

    fn step(&self, ids: &Range<u64>, waited: Duration) -> Step {
        let (now, scan) = (Instant::now(), &self.scan);
        let mut state = self.scans.state();
        let place = state.places.entry(self.reader).or_insert_with(|| Place::new(scan, ids.start, now));
        place.ask(ids.start, waited, now);
        let patience = PATIENCE.saturating_sub(place.waited);

        if let Some(kept) = state.kept_of(scan, ids) {
            let Some(message) = kept.message.clone() else {
                return Step::WaitForMaker(Arc::clone(&kept.is_made).notified_owned());
            };
            state.move_on(self.reader, ids.end, now);
            if !state.is_wanted(scan, ids, now) {
                state.drop_kept(scan, ids);
            }
            return Step::Take(message);
        }
        if let Some(other) = state.behind(scan, ids, CLOSE..LOST, now)
            && !patience.is_zero()
        {
            let has_moved = Arc::clone(&other.has_moved).notified_owned();
            return Step::WaitForOthers(has_moved, patience.min(other.stalled_in(now)));
        }
        state.move_on(self.reader, ids.end, now);
        let is_kept = state.is_wanted(scan, ids, now) && state.make_room();
        if is_kept {
            state.kept.push_back(Kept {
                scan: Arc::clone(scan),
                ids: ids.clone(),
                message: None,
                is_made: Arc::default(),
            });
        }
        Step::Make { is_kept }
    }

    /// Hands `message` to those that wait for it, or leaves it to them to make it.
    fn keep(&self, ids: &Range<u64>, message: Option<Message>) {
        let mut state = self.scans.state();
        let is_wanted = message.is_some() && state.is_wanted(&self.scan, ids, Instant::now());
        if let Some(kept) = state.kept_of(&self.scan, ids) {
            kept.message = message;
            kept.is_made.notify_waiters();
        }
        if !is_wanted {
            state.drop_kept(&self.scan, ids);
        }
    }

    /// It has its blocks made for itself, and shares none, until it asks for a message again.
    pub fn leave(&self) {
        let mut state = self.scans.state();
        if let Some(place) = state.places.remove(&self.reader) {
            place.has_moved.notify_waiters();
        }
        if !state.kept.is_empty() {
            state.drop_unwanted(Instant::now());
        }
    }
}

/// Time stands still but where a test has it pass: nobody stalls because the machine is slow.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::flight::server::requests::PREFIX_BYTES;
    use crate::scan::BatchMark;
    use futures::FutureExt as _;
    use prost::Message as _;
    use std::pin::pin;
    use tokio::time::sleep;

    fn readers_of(scans: &Arc<SharedScans>, table: &str, is_stretched: bool) -> [Reader; 3] {
        let request = ScanRequest { table: table.into(), ..ScanRequest::default() };
        std::array::from_fn(|_| Arc::clone(scans).join(ScanKey { request: request.clone(), is_stretched }))
    }

    fn readers() -> (Arc<SharedScans>, [Reader; 3]) {
        let scans = Arc::default();
        let readers = readers_of(&scans, "usage_daily", false);
        (scans, readers)
    }

    fn block(index: u64) -> Range<u64> {
        100 * index + 1..100 * index + 101
    }

    /// The bytes of the block's message as one maker makes it.
    fn message(index: u64, maker: u64) -> Message {
        Message::of(&BatchMark { next_id: index, block_end: maker }).unwrap()
    }

    /// Reads a block; whose message it was given. Makers are told apart by their numbers.
    async fn read(reader: &Reader, index: u64) -> u64 {
        let make = || Ok(Some(message(index, reader.reader + 1)));
        let (read, is_shared) = reader.message(&block(index), make).await.unwrap();
        let [bytes, _] = read.unwrap().into_pieces();
        let BatchMark { next_id, block_end: maker } = BatchMark::decode(&bytes[PREFIX_BYTES..]).unwrap();
        assert_eq!((next_id, is_shared), (index, maker != reader.reader + 1));
        maker
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_made_once_for_all_that_are_close_behind() {
        let (scans, [a, b, c]) = readers();
        // Nobody is known to be behind.
        assert_eq!([read(&a, 0).await, read(&b, 0).await, read(&c, 0).await], [1, 2, 3]);
        for index in 1..50 {
            assert_eq!([read(&a, index).await, read(&b, index).await], [1, 1]);
            assert_eq!(scans.kept(), 1);
            assert_eq!((read(&c, index).await, scans.kept()), (1, 0), "nobody is left to take it");
        }
        // Whoever is first makes it.
        assert_eq!([read(&c, 50).await, read(&a, 50).await], [3, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_differs_in_a_byte_is_not_shared() {
        let scans = Arc::default();
        let all = [("usage_daily", false), ("usage_daily", true), ("usage_truth", false)];
        let all = all.map(|(table, is_stretched)| readers_of(&scans, table, is_stretched));
        for reader in all.iter().flatten() {
            assert_eq!(read(reader, 0).await, reader.reader + 1);
        }
        for [a, b, c] in &all {
            assert_eq!(read(a, 1).await, a.reader + 1);
            // The block of other customers, beginning at the same.
            let short = b.message(&(101..150), || Ok(Some(message(1, 99)))).await.unwrap();
            assert!(!short.1);
            assert_eq!(read(c, 1).await, a.reader + 1);
        }
        let before = scans.kept();
        let of_another = readers_of(&scans, "billing", false);
        read(&of_another[0], 2).await;
        assert_eq!(scans.kept(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_far_ahead_waits_for_the_others_to_move_or_leave() {
        let (_scans, [a, b, c]) = readers();
        for reader in [&b, &c, &a] {
            read(reader, 0).await;
        }
        for index in 1..=CLOSE {
            assert_eq!(read(&a, index).await, 1);
        }
        let mut ahead = pin!(read(&a, CLOSE + 1));
        assert_eq!(ahead.as_mut().now_or_never(), None);
        assert_eq!((read(&b, 1).await, read(&b, 2).await), (1, 1));
        assert_eq!(ahead.as_mut().now_or_never(), None);
        assert_eq!(read(&c, 1).await, 1);
        assert_eq!(ahead.as_mut().now_or_never(), Some(1));

        let mut ahead = pin!(read(&a, CLOSE + 2));
        assert_eq!(ahead.as_mut().now_or_never(), None);
        drop(c);
        assert_eq!(ahead.as_mut().now_or_never(), Some(1));
        let mut ahead = pin!(read(&a, CLOSE + 3));
        assert_eq!(ahead.as_mut().now_or_never(), None);
        b.leave();
        assert_eq!(ahead.as_mut().now_or_never(), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_stalled_or_is_lost_is_neither_waited_for_nor_served() {
        let (scans, [a, lost, stalled]) = readers();
        read(&lost, 0).await;
        let begin = Instant::now();
        for index in LOST + 1..20 {
            read(&a, index).await;
            assert_eq!(scans.kept(), 0);
        }
        read(&stalled, 19).await;
        for index in 20..20 + CLOSE {
            read(&a, index).await;
        }
        assert_eq!((begin.elapsed(), scans.kept()), (Duration::ZERO, CLOSE as usize));
        for index in 20 + CLOSE..50 {
            read(&a, index).await;
            assert_eq!((begin.elapsed(), scans.kept()), (STALLED, CLOSE as usize));
        }
        a.leave();
        assert_eq!(scans.kept(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_costs_a_stream_no_more_than_its_part_of_the_time() {
        const BLOCKS: u64 = 200;
        const WORK: Duration = Duration::from_millis(10);
        let (scans, [a, ..]) = readers();
        let begin = Instant::now();
        for index in LOST..LOST + BLOCKS {
            // One more that comes as far as this, and stalls.
            let [slow, ..] = readers_of(&scans, "usage_daily", false);
            read(&slow, index - CLOSE - 1).await;
            sleep(WORK).await;
            read(&a, index).await;
        }
        let work = WORK * BLOCKS as u32;
        let waited = begin.elapsed() - work;
        assert!(waited > work / WAITING && waited < begin.elapsed() / WAITING + PATIENCE, "{waited:?} beside {work:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_being_made_is_waited_for_and_made_again_where_it_fails() {
        let (scans, [a, b, _]) = readers();
        for reader in [&a, &b] {
            read(reader, 0).await;
        }
        for (index, is_made) in [(1, true), (2, false)] {
            let mut waits = pin!(read(&b, index));
            let make = || {
                assert_eq!(waits.as_mut().now_or_never(), None);
                is_made.then(|| Some(message(index, 1))).ok_or_else(|| Error::Internal("on purpose".into()))
            };
            assert_eq!(a.message(&block(index), make).await.is_ok(), is_made);
            assert_eq!(waits.await, if is_made { 1 } else { 2 });
            assert_eq!(scans.kept(), 0);
        }
        // What has no rows is looked at by each.
        for reader in [&a, &b] {
            assert!(matches!(reader.message(&block(3), || Ok(None)).await, Ok((None, false))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_messages_are_kept_and_none_for_nobody() {
        let scans = Arc::default();
        let all: Vec<_> = (0..2 * KEPT).map(|table| readers_of(&scans, &table.to_string(), false)).collect();
        for [a, b, _] in &all {
            for (reader, index) in [(a, 0), (b, 0), (a, 1)] {
                read(reader, index).await;
            }
        }
        assert_eq!(scans.kept(), KEPT);
        // The oldest are gone.
        let [[_, first, _], .., [maker, last, _]] = &all[..] else { panic!() };
        assert_eq!((read(first, 1).await, read(last, 1).await), (first.reader + 1, maker.reader + 1));
        drop(all);
        assert!(scans.kept() == 0 && scans.state().places.is_empty());
    }
}
