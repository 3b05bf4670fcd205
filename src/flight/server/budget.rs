//! The memory for generated blocks, which all streams of a server share.
//!
//! What is generated and not yet sent is counted in parts of a block. As long as most of the budget is free, streams hold
//! what they like. Past that, a stream may hold a share of what is free, as a queue of a switch with shared memory may
//! (A. K. Choudhury and E. L. Hahne, "Dynamic queue length thresholds for shared-memory packet switches", IEEE/ACM
//! Transactions on Networking 6(2), 1998), and no more than its reader takes in a moment: so slow readers, however many,
//! leave room for a fast one. What a client buffers unread, some megabytes, is taken fast, so a moment is judged by the
//! last seconds. A stream that holds nothing may always begin a least batch. Hence what is held stays
//! under the budget and a least batch for each stream; what [`super::shared_scans`] keeps of it, once sent, is an eighth
//! more at most.

use crate::scan::PARTS_OF_BLOCK;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is free is so many times what one stream may hold.
const FREE_TO_SHARE: u64 = 8;

/// What a reader takes in such a moment is made ahead of it, where memory is short.
const MOMENT: Duration = Duration::from_millis(100);

/// How long a reader is remembered by what it took: a time constant.
const MEMORY: Duration = Duration::from_secs(2);

/// What all streams of a server hold.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// In parts of a block.
    held: AtomicU64,
}

impl Budget {
    /// Blocks that are made, or being made, and not yet sent.
    pub fn held_blocks(&self) -> f64 {
        self.held.load(Ordering::Relaxed) as f64 / PARTS_OF_BLOCK as f64
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Grant {
    budget: Arc<Budget>,
    parts: u64,
}

impl Grant {
    /// Parts of a block.
    pub fn parts(&self) -> u64 {
        self.parts
    }

    /// Gives back what is over `parts`.
    pub fn shrink_to(&mut self, parts: u64) {
        let over = self.parts.saturating_sub(parts);
        self.parts -= over;
        self.budget.held.fetch_sub(over, Ordering::Relaxed);
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// One stream's share of a budget.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    /// Parts of a block that there are for all streams.
    total: u64,
    /// Parts that the reader took, those of the past fading.
    taken: f64,
    taken_at: Option<Instant>,
    /// What the reader was handed last.
    handed: Option<Grant>,
}

impl Share {
    /// That of a new stream in `budget`, which is of so many blocks. Until its reader has shown otherwise, it is slow.
    pub fn new(budget: &Arc<Budget>, blocks: u64) -> Self {
        let total = blocks.saturating_mul(PARTS_OF_BLOCK);
        Self { budget: Arc::clone(budget), total, taken: 0.0, taken_at: None, handed: None }
    }

    /// What the stream may begin beside the parts that it holds: a full block's parts, or fewer, never under `least`.
    /// `None` where it must wait until it holds less.
    pub fn ask(&self, held: u64, least: u64) -> Option<Grant> {
        let mut parts = 0;
        let grant = |used| {
            parts = self.parts(used, held, least)?;
            Some(used + parts)
        };
        self.budget.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grant).ok()?;
        Some(Grant { budget: Arc::clone(&self.budget), parts })
    }

    fn parts(&self, used: u64, held: u64, least: u64) -> Option<u64> {
        let free = self.total.saturating_sub(used);
        if free > self.total / 2 && free >= PARTS_OF_BLOCK {
            return Some(PARTS_OF_BLOCK);
        }
        let share = (free / FREE_TO_SHARE).saturating_sub(held);
        let pace = self.taken_in_a_moment();
        let is_slow = pace <= least;
        match share.min(pace).min(PARTS_OF_BLOCK).checked_ilog2().map(|log| 1 << log) {
            Some(parts) if parts >= least && !(is_slow && held > 0) => Some(parts),
            _ if held == 0 => Some(least),
            _ => None,
        }
    }

    fn taken_in_a_moment(&self) -> u64 {
        (self.taken * MOMENT.div_duration_f64(MEMORY)) as u64
    }

    /// The reader is handed what `grant` is for.
    pub fn handed(&mut self, grant: Grant) {
        self.handed = Some(grant);
    }

    /// The reader asks for more: what it was handed last is on the wire, but for some of a batch at most, which its
    /// connection still holds: h2 takes no more above 400 KB.
    pub fn asked(&mut self, now: Instant) {
        let Some(grant) = self.handed.take() else { return };
        let passed = self.taken_at.map_or(Duration::ZERO, |before| now.saturating_duration_since(before));
        self.taken = self.taken * (-passed.div_duration_f64(MEMORY)).exp() + grant.parts as f64;
        self.taken_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: u64 = 128;
    const LEAST: u64 = 1;

    /// A stream that holds what it was granted.
    struct Holder {
        share: Share,
        grants: Vec<Grant>,
    }

    impl Holder {
        fn new(budget: &Arc<Budget>) -> Self {
            Self { share: Share::new(budget, BLOCKS), grants: Vec::new() }
        }

        /// A stream whose reader took so many full blocks just now.
        fn having_taken(budget: &Arc<Budget>, blocks: u64) -> Self {
            let mut holder = Self::new(budget);
            for _ in 0..blocks {
                let grant = Share::new(&Arc::default(), BLOCKS).ask(0, LEAST).unwrap();
                holder.take(grant, Instant::now());
            }
            holder
        }

        fn take(&mut self, grant: Grant, now: Instant) {
            self.share.handed(grant);
            self.share.asked(now);
        }

        fn held(&self) -> u64 {
            self.grants.iter().map(Grant::parts).sum()
        }

        /// Begins one more batch; with its parts.
        fn begin(&mut self) -> Option<u64> {
            let grant = self.share.ask(self.held(), LEAST)?;
            let parts = grant.parts();
            self.grants.push(grant);
            Some(parts)
        }
    }

    /// Each begins what it may, by turns, until none may begin more.
    fn fill(holders: &mut [Holder], ahead: usize) {
        let mut begun = true;
        while begun {
            begun = false;
            for holder in &mut *holders {
                begun |= holder.grants.len() < ahead && holder.begin().is_some();
            }
        }
    }

    #[test]
    fn where_most_is_free_blocks_are_full_whoever_reads() {
        let budget = Arc::default();
        let mut holders: Vec<_> = (0..21).map(|_| Holder::new(&budget)).collect();
        fill(&mut holders, 3);
        assert!(holders.iter().all(|holder| holder.held() == 3 * PARTS_OF_BLOCK));
        assert!((budget.held_blocks() - 63.0).abs() < 1e-9);
    }

    #[test]
    fn the_bound_holds_whatever_streams_take() {
        for taken in [0, 1, 4, 100] {
            let budget = Arc::default();
            let mut holders: Vec<_> = (0..1_000).map(|_| Holder::having_taken(&budget, taken)).collect();
            fill(&mut holders, 100);
            let most = BLOCKS as f64 + 1_000.0 / PARTS_OF_BLOCK as f64;
            assert!(budget.held_blocks() <= most, "{} blocks", budget.held_blocks());
            assert!(holders.iter().all(|holder| holder.held() >= LEAST), "each gets on");
        }
    }

    #[test]
    fn readers_that_are_as_fast_have_equal_shares() {
        let budget = Arc::default();
        let mut stalled: Vec<_> = (0..22).map(|_| Holder::having_taken(&budget, 100)).collect();
        fill(&mut stalled, 3);
        let mut holders: Vec<_> = (0..200).map(|_| Holder::having_taken(&budget, 100)).collect();
        fill(&mut holders, 3);
        // By and by, who came first has no more than who came last.
        for _ in 0..50 {
            for holder in &mut holders {
                holder.grants.clear();
                while holder.grants.len() < 3 && holder.begin().is_some() {}
            }
        }
        let held: Vec<u64> = holders.iter().map(Holder::held).collect();
        let (least, most) = (held.iter().min().unwrap(), held.iter().max().unwrap());
        assert!(*least > LEAST && *most <= 2 * least, "{held:?}");
    }

    #[test]
    fn slow_readers_leave_room_for_a_fast_one() {
        let budget = Arc::default();
        let mut slow: Vec<_> = (0..1_000).map(|_| Holder::new(&budget)).collect();
        // They open at once, and read a batch a second then.
        fill(&mut slow, 3);
        let mut now = Instant::now();
        for _ in 0..5 {
            now += Duration::from_secs(1);
            for holder in &mut slow {
                let grant = holder.grants.remove(0);
                holder.take(grant, now);
                while holder.grants.len() < 3 && holder.begin().is_some() {}
            }
        }
        let mut fast = Holder::new(&budget);
        for _ in 0..500 {
            now += Duration::from_millis(1);
            let grant = match fast.grants.is_empty() {
                true => fast.share.ask(0, LEAST).unwrap(),
                false => fast.grants.remove(0),
            };
            fast.take(grant, now);
            while fast.grants.len() < 3 && fast.begin().is_some() {}
        }
        assert_eq!(fast.held(), 3 * PARTS_OF_BLOCK, "{} blocks are held", budget.held_blocks());
    }

    #[test]
    fn a_client_that_fills_its_buffer_is_not_fast_for_that() {
        let budget = Arc::default();
        let mut others: Vec<_> = (0..22).map(|_| Holder::having_taken(&budget, 100)).collect();
        fill(&mut others, 3);
        assert!(budget.held_blocks() > BLOCKS as f64 / 2.0);
        let mut holder = Holder::new(&budget);
        let now = Instant::now();
        // Two full blocks' worth come to some 2 MB.
        for _ in 0..2 * PARTS_OF_BLOCK {
            assert_eq!((holder.begin(), holder.begin()), (Some(LEAST), None));
            let grant = holder.grants.remove(0);
            holder.take(grant, now);
        }
    }

    #[test]
    fn what_is_dropped_or_not_needed_is_given_back() {
        let budget: Arc<Budget> = Arc::default();
        let mut holder = Holder::new(&budget);
        assert_eq!((holder.begin(), holder.begin()), (Some(PARTS_OF_BLOCK), Some(PARTS_OF_BLOCK)));
        holder.grants[0].shrink_to(4);
        assert!((budget.held_blocks() - 1.25).abs() < 1e-9);
        let grant = holder.grants.pop().unwrap();
        holder.share.handed(grant);
        assert!((budget.held_blocks() - 1.25).abs() < 1e-9, "it is on its way");
        holder.share.asked(Instant::now());
        assert!((budget.held_blocks() - 0.25).abs() < 1e-9);
        let grant = holder.share.ask(holder.held(), LEAST).unwrap();
        holder.share.handed(grant);
        drop(holder);
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }
}
