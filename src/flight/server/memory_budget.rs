//! The memory for generated blocks, which all streams of a server share.
//!
//! Blocks that are generated and not yet sent are counted, in parts of a block. While most of the budget is free, every
//! stream holds what it likes. Past that, two rules bound what a stream holds:
//!
//! - a share of the free budget, as a switch with shared memory bounds its queues (A. K. Choudhury and E. L. Hahne,
//!   "Dynamic queue length thresholds for shared-memory packet switches", IEEE/ACM Transactions on Networking 6(2), 1998);
//! - the amount that its reader takes in [`MOMENT`]. Slow readers, however many, thus leave room for a fast one. A client
//!   takes the first megabytes fast, into its own buffers, so the pace is averaged over seconds ([`MEMORY`]).
//!
//! A stream that holds nothing may always begin its smallest batch. So the server holds at most the budget and one
//! smallest batch for each stream.

use crate::scan::PARTS_OF_BLOCK;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One stream may hold this fraction of the free budget: one in eight.
const FREE_TO_SHARE: u64 = 8;

/// When memory is short, a stream holds what its reader takes in this time.
const MOMENT: Duration = Duration::from_millis(100);

/// The time constant of the average pace of a reader.
const MEMORY: Duration = Duration::from_secs(2);

/// The parts of blocks that all streams of a server hold.
#[derive(Debug, Default)]
pub(super) struct MemoryBudget {
    held: AtomicU64,
}

impl MemoryBudget {
    /// Returns the blocks that are generated, or being generated, and not yet sent.
    pub fn held_blocks(&self) -> f64 {
        self.held.load(Ordering::Relaxed) as f64 / PARTS_OF_BLOCK as f64
    }
}

/// Parts of the budget. They are returned when this is dropped.
#[derive(Debug)]
pub(super) struct Grant {
    budget: Arc<MemoryBudget>,
    parts: u64,
}

impl Grant {
    /// The number of parts of a block.
    pub fn parts(&self) -> u64 {
        self.parts
    }

    /// Returns to the budget all but `parts`.
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

/// One stream's access to the budget, with the pace of its reader.
#[derive(Debug)]
pub(super) struct BudgetShare {
    budget: Arc<MemoryBudget>,
    /// Parts of a block in the whole budget.
    total: u64,
    /// Parts that the reader took; older ones fade.
    taken: f64,
    taken_at: Option<Instant>,
    /// The grant of the batch that the connection is sending.
    sending: Option<Grant>,
}

impl BudgetShare {
    /// Adds a stream to `budget`, which has `blocks` blocks. Its reader counts as slow until it has shown otherwise.
    pub fn new(budget: &Arc<MemoryBudget>, blocks: u64) -> Self {
        let total = blocks.saturating_mul(PARTS_OF_BLOCK);
        Self { budget: Arc::clone(budget), total, taken: 0.0, taken_at: None, sending: None }
    }

    /// Grants the next batch of a stream that holds `held` parts: a full block, or fewer parts, but at least `least`.
    /// Returns `None` if the stream must first send what it holds.
    pub fn request(&self, held: u64, least: u64) -> Option<Grant> {
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
        let pace = (self.taken * MOMENT.div_duration_f64(MEMORY)) as u64;
        let is_slow = pace <= least;
        match share.min(pace).min(PARTS_OF_BLOCK).checked_ilog2().map(|log| 1 << log) {
            Some(parts) if parts >= least && !(is_slow && held > 0) => Some(parts),
            _ if held == 0 => Some(least),
            _ => None,
        }
    }

    /// Notes that the connection has the batch of `grant` and sends it.
    pub fn begin_sending(&mut self, grant: Grant) {
        self.sending = Some(grant);
    }

    /// Notes that the connection asks for more. The last batch is then on the wire, except for at most 400 KB, which h2
    /// still buffers.
    pub fn end_sending(&mut self, now: Instant) {
        let Some(grant) = self.sending.take() else { return };
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

    /// A stream that keeps its grants.
    struct Holder {
        share: BudgetShare,
        grants: Vec<Grant>,
    }

    impl Holder {
        fn new(budget: &Arc<MemoryBudget>) -> Self {
            Self { share: BudgetShare::new(budget, BLOCKS), grants: Vec::new() }
        }

        /// A stream whose reader has just taken `blocks` full blocks.
        fn having_taken(budget: &Arc<MemoryBudget>, blocks: u64) -> Self {
            let mut holder = Self::new(budget);
            for _ in 0..blocks {
                let grant = BudgetShare::new(&Arc::default(), BLOCKS).request(0, LEAST).unwrap();
                holder.send(grant, Instant::now());
            }
            holder
        }

        fn send(&mut self, grant: Grant, now: Instant) {
            self.share.begin_sending(grant);
            self.share.end_sending(now);
        }

        fn held(&self) -> u64 {
            self.grants.iter().map(Grant::parts).sum()
        }

        /// Begins one more batch, and returns its parts.
        fn begin(&mut self) -> Option<u64> {
            let grant = self.share.request(self.held(), LEAST)?;
            let parts = grant.parts();
            self.grants.push(grant);
            Some(parts)
        }
    }

    /// Has the streams begin batches, in turn, until none may begin another.
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
    fn while_most_of_the_budget_is_free_every_batch_is_a_full_block() {
        let budget = Arc::default();
        let mut holders: Vec<_> = (0..21).map(|_| Holder::new(&budget)).collect();
        fill(&mut holders, 3);
        assert!(holders.iter().all(|holder| holder.held() == 3 * PARTS_OF_BLOCK));
        assert!((budget.held_blocks() - 63.0).abs() < 1e-9);
    }

    #[test]
    fn the_budget_is_exceeded_by_one_smallest_batch_a_stream_at_most() {
        for taken in [0, 1, 4, 100] {
            let budget = Arc::default();
            let mut holders: Vec<_> = (0..1_000).map(|_| Holder::having_taken(&budget, taken)).collect();
            fill(&mut holders, 100);
            let most = BLOCKS as f64 + 1_000.0 / PARTS_OF_BLOCK as f64;
            assert!(budget.held_blocks() <= most, "{} blocks", budget.held_blocks());
            assert!(holders.iter().all(|holder| holder.held() >= LEAST), "a stream is stuck");
        }
    }

    #[test]
    fn readers_of_equal_pace_get_equal_shares() {
        let budget = Arc::default();
        let mut stalled: Vec<_> = (0..22).map(|_| Holder::having_taken(&budget, 100)).collect();
        fill(&mut stalled, 3);
        let mut holders: Vec<_> = (0..200).map(|_| Holder::having_taken(&budget, 100)).collect();
        fill(&mut holders, 3);
        // In time, the first streams hold no more than the last ones.
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
        // They all open at once. Then each reads a batch a second.
        fill(&mut slow, 3);
        let mut now = Instant::now();
        for _ in 0..5 {
            now += Duration::from_secs(1);
            for holder in &mut slow {
                let grant = holder.grants.remove(0);
                holder.send(grant, now);
                while holder.grants.len() < 3 && holder.begin().is_some() {}
            }
        }
        let mut fast = Holder::new(&budget);
        for _ in 0..500 {
            now += Duration::from_millis(1);
            let grant = match fast.grants.is_empty() {
                true => fast.share.request(0, LEAST).unwrap(),
                false => fast.grants.remove(0),
            };
            fast.send(grant, now);
            while fast.grants.len() < 3 && fast.begin().is_some() {}
        }
        assert_eq!(fast.held(), 3 * PARTS_OF_BLOCK, "{} blocks are held", budget.held_blocks());
    }

    #[test]
    fn filling_the_buffers_of_a_client_does_not_make_it_fast() {
        let budget = Arc::default();
        let mut others: Vec<_> = (0..22).map(|_| Holder::having_taken(&budget, 100)).collect();
        fill(&mut others, 3);
        assert!(budget.held_blocks() > BLOCKS as f64 / 2.0);
        let mut holder = Holder::new(&budget);
        let now = Instant::now();
        // Two full blocks are about 2 MB.
        for _ in 0..2 * PARTS_OF_BLOCK {
            assert_eq!((holder.begin(), holder.begin()), (Some(LEAST), None));
            let grant = holder.grants.remove(0);
            holder.send(grant, now);
        }
    }

    #[test]
    fn dropped_and_shrunk_grants_return_to_the_budget() {
        let budget: Arc<MemoryBudget> = Arc::default();
        let mut holder = Holder::new(&budget);
        assert_eq!((holder.begin(), holder.begin()), (Some(PARTS_OF_BLOCK), Some(PARTS_OF_BLOCK)));
        holder.grants[0].shrink_to(4);
        assert!((budget.held_blocks() - 1.25).abs() < 1e-9);
        let grant = holder.grants.pop().unwrap();
        holder.share.begin_sending(grant);
        assert!((budget.held_blocks() - 1.25).abs() < 1e-9, "the batch is still being sent");
        holder.share.end_sending(Instant::now());
        assert!((budget.held_blocks() - 0.25).abs() < 1e-9);
        let grant = holder.share.request(holder.held(), LEAST).unwrap();
        holder.share.begin_sending(grant);
        drop(holder);
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }
}
