//! Whether streams are many: who generates depends on it.
//!
//! Few streams leave processors free, so threads of the [`pool`](super::pool) generate ahead while others send. Where
//! many streams ask for blocks, all threads that send are busy. Then each makes what it sends next by itself: it is
//! still in the processor's cache when it is sent, nobody has to be woken, and no thread competes with those that send.
//! 16 pyarrow clients read an eighth faster so, on two processors that they share with the server. And they take
//! [`turns`](super::turns).

use super::turns::Turns;
use crate::scan::PARTS_OF_BLOCK;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Streams for each thread that sends that are many. Threads that generate hold memory each: with two of each, four readers
/// had a server hold up to 68 MiB where they were many already.
const MANY: usize = 4;

/// Blocks that are remembered for each thread that sends: with two threads, 64, which one fast reader takes in 20 ms.
const REMEMBERED: u64 = 32;

/// The streams that asked for the last blocks.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Threads that send.
    threads: usize,
    next_stream: AtomicU64,
    recent: Mutex<Recent>,
    turns: Turns,
}

/// In parts of a block.
#[derive(Debug, Default)]
struct Recent {
    /// By stream, in order.
    asked: VecDeque<(u64, u64)>,
    of_all: u64,
    of_streams: HashMap<u64, u64>,
    /// Streams that asked for a full block or more. Others, slow or served in small parts, keep no thread busy.
    busy: usize,
}

impl Recent {
    /// Sets what `stream` has asked for to what `change` makes of it; what it was before.
    fn change(&mut self, stream: u64, change: impl FnOnce(u64) -> u64) -> u64 {
        let before = self.of_streams.get(&stream).copied().unwrap_or_default();
        let after = change(before);
        self.busy = self.busy + usize::from(after >= PARTS_OF_BLOCK) - usize::from(before >= PARTS_OF_BLOCK);
        if after == 0 {
            self.of_streams.remove(&stream);
        } else {
            self.of_streams.insert(stream, after);
        }
        before
    }
}

impl Crowd {
    /// Around so many threads that send.
    pub fn new(threads: usize) -> Self {
        let turns = Turns::new(threads);
        Self { threads, next_stream: AtomicU64::default(), recent: Mutex::default(), turns }
    }

    /// Those of streams that are many.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    /// One more stream.
    pub fn join(self: &Arc<Self>) -> Member {
        Member { crowd: Arc::clone(self), stream: self.next_stream.fetch_add(1, Ordering::Relaxed) }
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream, which is forgotten when dropped.
#[derive(Debug)]
pub(super) struct Member {
    crowd: Arc<Crowd>,
    stream: u64,
}

/// What a stream is that asks for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// One of few.
    OfFew,
    /// One of many that asked for blocks lately; a fast one where it did so itself, before this.
    OfMany { is_fast: bool },
}

impl Member {
    /// It asks for so many parts of a block.
    pub fn ask(&self, parts: u64) -> Asks {
        let mut recent = self.crowd.recent();
        recent.asked.push_back((self.stream, parts));
        recent.of_all += parts;
        let before = recent.change(self.stream, |asked| asked + parts);
        while recent.of_all > REMEMBERED * self.crowd.threads as u64 * PARTS_OF_BLOCK
            && let Some((stream, parts)) = recent.asked.pop_front()
        {
            recent.of_all -= parts;
            // One that has ended has nothing left.
            recent.change(stream, |asked| asked.saturating_sub(parts));
        }
        if recent.busy >= MANY * self.crowd.threads {
            Asks::OfMany { is_fast: before >= PARTS_OF_BLOCK }
        } else {
            Asks::OfFew
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crowd.recent().change(self.stream, |_| 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = PARTS_OF_BLOCK;

    fn is_of_many(member: &Member, parts: u64) -> bool {
        member.ask(parts) != Asks::OfFew
    }

    #[test]
    fn streams_are_many_while_as_many_ask_for_blocks() {
        let crowd = Arc::new(Crowd::new(2));
        let mut all: Vec<_> = (0..2 * MANY).map(|_| crowd.join()).collect();
        let last = all.pop().unwrap();
        assert!(all.iter().all(|one| !is_of_many(one, BLOCK)) && all.iter().all(|one| !is_of_many(one, BLOCK)));
        assert!(!is_of_many(&last, BLOCK - 1) && is_of_many(&last, 1) && is_of_many(&all[0], BLOCK));
        // One has stalled.
        for _ in 0..REMEMBERED * 2 {
            for one in &all {
                is_of_many(one, BLOCK);
            }
        }
        assert!(!is_of_many(&all[0], BLOCK));
        // One has ended.
        assert!(is_of_many(&last, BLOCK));
        drop(all.pop());
        assert!(!is_of_many(&last, BLOCK));
        drop((all, last));
        let recent = crowd.recent();
        assert!(recent.of_all <= REMEMBERED * 2 * BLOCK && recent.of_streams.is_empty() && recent.busy == 0);
    }

    #[test]
    fn who_asked_for_a_block_lately_is_fast() {
        let crowd = Arc::new(Crowd::new(1));
        let others: Vec<_> = (0..MANY).map(|_| crowd.join()).collect();
        let ask_others = || {
            for other in &others {
                other.ask(BLOCK);
            }
        };
        ask_others();
        let one = crowd.join();
        let asks = [BLOCK - 1, 1, 1].map(|parts| one.ask(parts));
        assert_eq!(asks, [false, false, true].map(|is_fast| Asks::OfMany { is_fast }));
        (0..REMEMBERED).for_each(|_| ask_others());
        assert_eq!(one.ask(BLOCK), Asks::OfMany { is_fast: false });
    }

    #[test]
    fn one_fast_reader_among_slow_ones_is_alone() {
        let crowd = Arc::new(Crowd::new(2));
        let fast = crowd.join();
        let slow: Vec<_> = (0..1_000).map(|_| crowd.join()).collect();
        for _ in 0..3 {
            assert!(slow.iter().all(|slow| !is_of_many(&fast, BLOCK) && !is_of_many(slow, 1)));
        }
    }
}
